// Owns how a failed call of the platform is told apart from others: by the code that Node gives its errors.

/** Node's code of a failed call, such as `ENOENT`; undefined where it has none. */
export function codeOf(error: unknown): string | undefined {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
  return typeof code === 'string' ? code : undefined
}
