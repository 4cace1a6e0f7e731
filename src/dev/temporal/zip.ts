import { createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { openPromise, type Entry } from 'yauzl';

/** Unpacks one member of a zip file to a new file, and checks its length and CRC-32. */
export async function extractZipMember(zip: string, wanted: (name: string) => boolean, to: string) {
  const archive = await openPromise(zip, { autoClose: false });
  try {
    const names: string[] = [];
    for await (const member of archive.eachEntry()) {
      if (wanted(member.fileName)) {
        const content = await archive.openReadStreamPromise(member);
        await pipeline(content, checkCrc(member), createWriteStream(to, { flags: 'wx' }));
        return;
      }
      names.push(member.fileName);
    }
    throw new Error(`${zip} has no such member; it has ${names.join(', ')}`);
  } finally {
    archive.close();
  }
}

/** yauzl checks the length only. */
function checkCrc(member: Entry): Transform {
  let crc = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      crc = crc32(chunk, crc);
      done(null, chunk);
    },
    flush(done) {
      if (crc === member.crc32) done();
      else done(new Error(`${member.fileName} is damaged: its CRC-32 is not the recorded one`));
    },
  });
}
