import { createReadStream, createWriteStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';

interface Member {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  readonly headerOffset: number;
}

const END = { signature: 0x06054b50, size: 22 };
const ENTRY = { signature: 0x02014b50, size: 46 };
const LOCAL = { signature: 0x04034b50, size: 30 };
const LONGEST_COMMENT = 0xffff;
const ZIP64 = 0xffffffff;
const ENCRYPTED = 1;

/**
 * Unpacks one member of a zip file (APPNOTE.TXT 6.3, stored or deflated, no zip64, no encryption) to a new file;
 * length and CRC-32 are checked. Throws when the archive or the member is not as it should be.
 */
export async function extractZipMember(zip: string, wanted: (name: string) => boolean, to: string) {
  const handle = await open(zip);
  try {
    const members = await readDirectory(handle);
    const member = members.find(({ name }) => wanted(name));
    if (!member)
      throw new Error(`${zip} has no such member; it has ${members.map((m) => m.name).join(', ')}`);
    if (member.flags & ENCRYPTED) throw new Error(`${member.name} in ${zip} is encrypted`);
    if ([member.size, member.packedSize, member.headerOffset].includes(ZIP64))
      throw new Error(`${member.name} in ${zip} needs zip64, which is not read here`);
    const local = await read(handle, member.headerOffset, LOCAL.size);
    if (local.readUInt32LE(0) !== LOCAL.signature)
      throw new Error(`${zip} is damaged: no header of ${member.name}`);
    const start = member.headerOffset + LOCAL.size + local.readUInt16LE(26) + local.readUInt16LE(28);
    const packed =
      member.packedSize === 0
        ? new PassThrough().end()
        : createReadStream(zip, { start, end: start + member.packedSize - 1 });
    await pipeline(packed, unpacker(member), checker(member), createWriteStream(to, { flags: 'wx' }));
  } finally {
    await handle.close();
  }
}

/** Reads the central directory at the end of the file. */
async function readDirectory(handle: FileHandle): Promise<Member[]> {
  const { size } = await handle.stat();
  const tailStart = Math.max(0, size - END.size - LONGEST_COMMENT);
  const tail = await read(handle, tailStart, size - tailStart);
  const end = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0 || end + END.size > tail.length) throw new Error('not a zip file, or cut short');
  const directory = await read(handle, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  const members: Member[] = [];
  for (let at = 0; at + ENTRY.size <= directory.length;) {
    if (directory.readUInt32LE(at) !== ENTRY.signature)
      throw new Error('the directory of the zip file is damaged');
    const nameLength = directory.readUInt16LE(at + 28);
    members.push({
      flags: directory.readUInt16LE(at + 8),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      packedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      headerOffset: directory.readUInt32LE(at + 42),
      name: directory.toString('utf8', at + ENTRY.size, at + ENTRY.size + nameLength),
    });
    at += ENTRY.size + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return members;
}

async function read(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead !== length) throw new Error('the zip file is cut short');
  return buffer;
}

function unpacker(member: Member): Transform {
  if (member.method === 0) return new PassThrough();
  if (member.method === 8) return createInflateRaw();
  throw new Error(`${member.name} is packed by method ${member.method}, which is not read here`);
}

/** Lets the content pass and fails at its end unless length and CRC are the recorded ones. */
function checker(member: Member): Transform {
  let crc = 0;
  let size = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      crc = crc32(chunk, crc);
      size += chunk.length;
      done(size > member.size ? new Error(`${member.name} is longer than recorded`) : null, chunk);
    },
    flush(done) {
      const good = size === member.size && crc === member.crc;
      done(
        good ? null : new Error(`${member.name} is damaged: its length or CRC-32 is not the recorded one`),
      );
    },
  });
}
