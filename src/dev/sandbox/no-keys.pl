# Runs a command that may not use the kernel's keyrings: those of root are the machine's, whatever the namespace.
# A seccomp filter refuses add_key, request_key and keyctl (three numbers in a row), and every call by the numbers of another
# architecture.
use strict;
use warnings;
my %machines = (x86_64 => [0xc000003e, 157, 248], aarch64 => [0xc00000b7, 167, 217]);
my $machine = $machines{shift()};
my ($arch, $prctl, $first) = @$machine;
my $filter = join '', map { pack 'SCCL', @$_ } (
  [0x20, 0, 0, 4],                # load the architecture
  [0x15, 0, 4, $arch],            # another one: refuse
  [0x20, 0, 0, 0],                # load the number
  [0x35, 2, 0, 0x40000000],       # of x32: refuse
  [0x35, 0, 2, $first],           # below the three: allow
  [0x25, 1, 0, $first + 2],       # above them: allow
  [0x06, 0, 0, 0x00050001],       # refuse: EPERM
  [0x06, 0, 0, 0x7fff0000],       # allow
);
my $program = pack 'S x![P] P', length($filter) / 8, $filter;
syscall($prctl, 22, 2, $program) == 0 or die "cannot close the keyrings: $!\n";
exec @ARGV or die "cannot run $ARGV[0]: $!\n";
