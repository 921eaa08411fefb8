// Owns the rule for names of topics. Source: org.apache.kafka.common.internals.Topic.

const lengthMax = 249
const legal = /^[a-zA-Z0-9._-]+$/

/** Whether two names would be one in the names of metrics, where a dot becomes an underscore. */
export function collides(one: string, other: string): boolean {
  return one.replaceAll('.', '_') === other.replaceAll('.', '_')
}

/** Why a name is refused, or undefined where it may be used. */
export function topicNameFault(name: string): string | undefined {
  if (name === '') return 'the empty string is not allowed'
  if (name === '.' || name === '..') return `'.' or '..' is not allowed`
  if (name.length > lengthMax) return `the length of '${name}' is longer than the max allowed length ${lengthMax}`
  if (legal.test(name)) return undefined
  return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`
}
