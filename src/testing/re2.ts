// Owns how patterns of RE2, which brokers take, are read here: as JavaScript's, after what RE2 writes otherwise has been
// rewritten. RE2 looks neither ahead nor behind itself; what else only one of them has (JavaScript no \C) is not looked for.

const leadingFlags = /^\(\?([imsU]+)\)/
/** Outside of quotes, which are gone when this is looked for. */
const lookAround = /(?<!\\)(?:\\\\)*\(\?(?:[=!]|<[=!])/
const quoted = /\\Q([\s\S]*?)(?:\\E|$)/g
const special = /[\\^$.*+?()[\]{}|/]/g

/** A pattern that must match the whole text; undefined where it cannot be read. */
export function wholePattern(re2: string): RegExp | undefined {
  const flags = leadingFlags.exec(re2)?.[1] ?? ''
  const body = re2
    .replace(leadingFlags, '')
    .replaceAll(quoted, (_, text: string) => text.replaceAll(special, String.raw`\$&`))
    .replaceAll(String.raw`\z`, '$')
    .replaceAll(String.raw`\A`, '^')
    .replaceAll(String.raw`\x{`, String.raw`\u{`)
    .replaceAll('(?P<', '(?<')
  if (lookAround.test(body)) return undefined
  try {
    return new RegExp(`^(?:${body})$`, `u${flags.replaceAll('U', '')}`)
  } catch {
    return undefined
  }
}
