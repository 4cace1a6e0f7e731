import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { openPromise } from 'yauzl';

/** Unpacks one member of a zip file, whose content is trusted, to a new file. */
export async function extractZipMember(zip: string, wanted: (name: string) => boolean, to: string) {
  const archive = await openPromise(zip, { autoClose: false });
  try {
    const names: string[] = [];
    for await (const member of archive.eachEntry()) {
      if (wanted(member.fileName))
        return await pipeline(
          await archive.openReadStreamPromise(member),
          createWriteStream(to, { flags: 'wx' }),
        );
      names.push(member.fileName);
    }
    throw new Error(`${zip} has no such member; it has ${names.join(', ')}`);
  } finally {
    archive.close();
  }
}
