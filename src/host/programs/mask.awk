# Replaces secrets in standard input by ***. The calls of add(), one for each form, precede this text: see secret-forms.ts.
# Input comes in chunks, each followed by a line end and MARK on a line of its own: what came is printed at once, except for
# what may be the beginning of a secret. Reduced texts are what a form is found in: without punctuation (kind 1), or with it (kind 2).

# add(KIND, UNITS, LEAD, TRAIL, HEADS): units are separated by line ends, their spellings by tabs; heads by line ends.
function add(kind, units, lead, trail, heads,    n, i, list) {
  forms++
  form[forms] = units
  leads[forms] = lead
  trails[forms] = trail
  kinds[kind] = 1
  n = split(heads, list, "\n")
  for (i = 1; i <= n; i++) if (kind == 1) loose_heads[list[i]] = loose_heads[list[i]] " " forms; else strict_heads[list[i]] = strict_heads[list[i]] " " forms
}

# reduced(TEXT, KIND)
function reduced(text, kind) {
  if (text ~ /\033/) gsub(SEQUENCE, "", text)
  if (kind == 1) gsub(/[^0-9A-Za-z\200-\377]+/, "", text); else gsub(/[\001-\037\177]+/, "", text)
  return text
}

# hit(TEXT, HEADS): whether a form may begin in it.
function hit(text, heads,    i, last) {
  last = length(text) - 3
  for (i = 1; i <= last; i++) if (substr(text, i, 4) in heads) return 1
  return 0
}

# match_form(NUMBER, TEXT, AT): what follows the form in TEXT; 0 if it is not there. Sets is_open if TEXT ends before it does.
function match_form(number, text, at,    units, spellings, n, m, i, k, places, next_places, p, rest, any, end) {
  is_open = 0
  n = split(form[number], units, "\n")
  places[at] = 1
  for (i = 1; i <= n; i++) {
    m = split(units[i], spellings, "\t")
    any = 0
    split("", next_places)
    for (p in places) {
      rest = length(text) - p + 1
      for (k = 1; k <= m; k++) {
        if (substr(text, p, length(spellings[k])) == spellings[k]) { next_places[p + length(spellings[k])] = 1; any = 1 }
        else if (length(spellings[k]) > rest && substr(spellings[k], 1, rest) == substr(text, p)) is_open = 1
      }
    }
    if (!any) return 0
    split("", places)
    for (p in next_places) places[p] = 1
  }
  end = 0
  for (p in places) if (p + 0 > end) end = p + 0
  return end
}

# find(TEXT, KIND, HEADS): marks in hidden[] the characters of TEXT that belong to secrets. Sets all[KIND], which is the context
# and TEXT reduced, places[KIND, I] in TEXT of its characters, 0 for the context, and opens[KIND]: where in it the beginning
# of a secret is that the rest may follow.
function find(text, kind, heads,    known, n, i, c, at, list, k, m, end, from, to, form_number) {
  known = context[kind]
  n = length(known)
  for (i = 1; i <= n; i++) places[kind, i] = 0
  for (i = 1; i <= length(text); i++) {
    c = substr(text, i, 1)
    if (c == "\033" && match(substr(text, i, 40), "^" SEQUENCE)) { i += RLENGTH - 1; continue }
    if (kind == 1 ? c ~ /[0-9A-Za-z\200-\377]/ : c !~ /[\001-\037\177]/) { known = known c; places[kind, ++n] = i }
  }
  all[kind] = known
  opens[kind] = ""
  for (at = 1; at <= n - 3; at++) {
    if (!(substr(known, at, 4) in heads)) continue
    m = split(heads[substr(known, at, 4)], list, " ")
    for (k = 1; k <= m; k++) {
      form_number = list[k]
      end = match_form(form_number, known, at)
      if (end) {
        from = places[kind, at]
        to = places[kind, end - 1]
        i = length(leads[form_number])
        if (from == 0) from = 1
        else if (i && substr(text, from - i, i) == leads[form_number]) from -= i
        i = length(trails[form_number])
        if (i && substr(text, to + 1, i) == trails[form_number]) to += i
        for (i = from; i <= to; i++) hidden[i] = 1
      } else if (is_open) opens[kind] = opens[kind] " " at
    }
  }
}

# hold(KIND): moves `stop` to before what is not hidden of a secret that has begun. Sets known_from[KIND].
function hold(kind,    n, m, i, k, list) {
  n = length(all[kind])
  m = split(opens[kind], list, " ")
  known_from[kind] = m ? list[1] + 0 : n + 1
  for (k = 1; k <= m; k++)
    for (i = list[k] + 0; i <= n; i++)
      if (places[kind, i] > 0 && !(places[kind, i] in hidden)) {
        if (places[kind, i] < stop) stop = places[kind, i]
        break
      }
}

# remember(KIND): the end of what was shown, and at least so much of it as may be the beginning of a secret.
function remember(kind,    i, from) {
  i = length(all[kind])
  while (i > 0 && places[kind, i] >= stop) i--
  from = i - 2 < known_from[kind] ? i - 2 : known_from[kind]
  if (from < 1) from = 1
  context[kind] = substr(all[kind], from, i - from + 1)
}

# show(TEXT, STOP): prints TEXT before STOP, and *** for what is hidden. Line ends and escape sequences stay.
function show(text, stop,    i, c, run, output) {
  for (i = 1; i < stop; i++) {
    c = substr(text, i, 1)
    if (!(i in hidden)) { output = output c; run = 0; continue }
    if (c == "\033" && match(substr(text, i, 40), "^" SEQUENCE)) { output = output substr(text, i, RLENGTH); i += RLENGTH - 1; run = 0 }
    else if (c == "\n" || c == "\r") { output = output c; run = 0 }
    else if (!run) { output = output "***"; run = 1 }
  }
  printf "%s", output
}

# emit(TEXT): prints it, after what was held back, except for what is to be held back.
function emit(text,    kind, clean, quick, i) {
  quick = held == "" && (text ~ /\n$/ || text !~ UNFINISHED)
  for (kind = 1; kind <= 2 && quick; kind++) {
    if (!(kind in kinds)) continue
    clean[kind] = context[kind] reduced(text, kind)
    if (kind == 1 ? hit(clean[kind], loose_heads) : hit(clean[kind], strict_heads)) quick = 0
  }
  if (quick) {
    printf "%s", text
    for (kind in kinds) context[kind] = last_three(clean[kind])
    return
  }
  text = held text
  split("", hidden)
  stop = length(text) + 1
  if (text !~ /\n$/ && match(text, UNFINISHED)) stop = RSTART
  if (1 in kinds) find(substr(text, 1, stop - 1), 1, loose_heads)
  if (2 in kinds) find(substr(text, 1, stop - 1), 2, strict_heads)
  for (kind in kinds) hold(kind)
  # Bounds what is held back: endless noise inside a possible secret is hidden.
  if (length(text) - stop > 16000) { for (i = stop; i <= length(text); i++) hidden[i] = 1; stop = length(text) + 1 }
  show(text, stop)
  held = substr(text, stop)
  for (kind in kinds) remember(kind)
}
function last_three(text) { return length(text) > 3 ? substr(text, length(text) - 2) : text }

BEGIN {
  MARK = "\036chunk"
  SEQUENCE = "\033(\\[[0-?]*[ -/]*[@-~]|[ -/][0-~]|[0-Z\\\\^-~])"
  UNFINISHED = "\033(\\[[0-?]*[ -/]*|[ -/])?$"
}
$0 == MARK { if (pending) emit(line); pending = 0; fflush(); next }
{ if (pending) emit(line "\n"); line = $0; pending = 1 }
END {
  if (pending) emit(line "\n")
  # It ends like the beginning of a secret.
  if (held ~ /^\033/) printf "%s", held
  else if (held != "") printf "***%s", (held ~ /\n$/ ? "\n" : "")
}
