import * as z from 'zod';
import { limits } from './limits.ts';
import { absolutePath, line, optional, secretReference, sha256Text, text } from './schema-texts.ts';

const path = absolutePath
  .refine(
    (value) => !/\/(\/|\.{1,2}(\/|$)|$)/.test(value),
    'must be the plain path of a file: without //, . and .., and without a / at its end',
  )
  .refine(
    (value) => value.split('/').every((name) => new TextEncoder().encode(name).length <= 255),
    'must hold no name of more than 255 bytes',
  );

const MODE = "must be three or four octal digits in quotes, such as '0644'";
const OWNER_NAME = String.raw`[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}\$?`;

/** A file that a step places on its host. What its keys can be together, `fileProblems` checks. */
export const fileSchema = z.strictObject({
  path: path.describe('Where the file is placed on the host. Missing directories are made.'),
  mode: optional(
    z.string({ error: MODE }).regex(/^[0-7]{3,4}$/, MODE),
    "Its permissions, octal digits in quotes. Default '0644', or '0600' for a file with a secret.",
  ),
  owner: optional(
    z.string().regex(new RegExp(`^${OWNER_NAME}(:${OWNER_NAME})?$`), 'must be USER or USER:GROUP'),
    'Its owner, USER or USER:GROUP, by name or number. Default the user of the step.',
  ),
  content: optional(text(limits.planBytes), 'Its content.'),
  encoding: optional(
    z.enum(['base64']),
    '`base64`: `content` is encoded, for a file that is not text. Default none.',
  ),
  secret: optional(
    secretReference,
    'Its content is a secret that the worker looks up, `env:NAME` or `file:NAME`: text of at most 64 KiB.',
  ),
  from: optional(
    line,
    'Its content is a file: beside the plan, which the command line puts into `content`, or `worker:NAME`, which the worker reads from its CHANDLER_FILES_DIR.',
  ),
  url: optional(
    z.string().regex(/^https?:\/\/[^\s/@]+(\/\S*)?$/, 'must be an http or https address, without a password'),
    'Its content is what the host fetches from this address; it needs `sha256`.',
  ),
  sha256: optional(sha256Text, 'The checksum of what `url` or `from: worker:NAME` leads to.'),
  expand: optional(
    z.boolean(),
    'Replaces `${NAME}` in the content by the value of that variable or secret of the step, and nothing else. Default false.',
  ),
});
