/** The properties of `T` that may be undefined become optional. */
type DefinedOnly<T> = {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> };

/** Copies an object without the properties that are undefined. */
export function definedOnly<const T extends object>(value: T): DefinedOnly<T> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as DefinedOnly<T>;
}
