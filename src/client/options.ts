// The checker of everything that a user passes in: a table says which options there are, what each may be and what it
// is when absent. Refuses unknown names, wrong values and contradictions with INVALID_OPTION, naming the option, the
// value and what was meant. Owns no option itself; each part of the client keeps its own table.
import { KafkaError } from './errors.ts'

/** What one option may be. `T` is its type after the check. */
export interface Rule<T> {
  /** What is allowed, to be read after "must be": `a whole number from 0 to 60000`. */
  readonly allowed: string
  /** Undefined where the value is fine, else the reason why not; an empty reason says no more than `allowed` does. */
  readonly refuse: (value: unknown) => string | undefined
  /** Fills in what is absent inside a value that was not refused. */
  readonly complete?: (value: unknown) => T
  /** What an absent option becomes; `required` has none. */
  readonly absent: { readonly kind: 'required' } | { readonly kind: 'default'; readonly value: T }
  /** A secret is never shown in an error. */
  readonly secret: boolean
}

export type RuleTable = { readonly [name: string]: Rule<unknown> }

/** Options after the check: every name of the table is there. */
export type Checked<R extends RuleTable> = { readonly [K in keyof R]: R[K] extends Rule<infer T> ? T : never }

/** Says what is contradictory about the options together, or undefined where nothing is. */
export type Contradiction<R extends RuleTable> = (options: Checked<R>) => string | undefined

interface RuleOptions<D> {
  readonly default?: D
  /** Absent is fine and stays undefined. */
  readonly optional?: boolean
  readonly secret?: boolean
}

// A rule is required unless it has a default or is optional; the type of the result follows.
type RuleOf<T, O> = O extends { readonly default: T }
  ? Rule<T>
  : O extends { readonly optional: true }
    ? Rule<T | undefined>
    : Rule<T>

function rule<T, O extends RuleOptions<T>>(
  allowed: string,
  options: O | undefined,
  refuse: (value: unknown) => string | undefined,
  complete?: (value: unknown) => T
): RuleOf<T, O> {
  const absent =
    options?.default === undefined && options?.optional !== true
      ? { kind: 'required' }
      : { kind: 'default', value: options.default }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the conditional type cannot be followed here
  return Object.freeze({ allowed, refuse, complete, absent, secret: options?.secret ?? false }) as RuleOf<T, O>
}

const fine = (good: boolean): string | undefined => (good ? undefined : '')

interface NumberOptions extends RuleOptions<number> {
  readonly min?: number
  readonly max?: number
}

function range(options: { readonly min?: number | bigint; readonly max?: number | bigint } | undefined): string {
  const { min, max } = options ?? {}
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`
  if (min !== undefined) return ` of at least ${min}`
  return max === undefined ? '' : ` of at most ${max}`
}

function inRange(value: number, options: NumberOptions | undefined): boolean {
  return value >= (options?.min ?? -Infinity) && value <= (options?.max ?? Infinity)
}

/** A finite number within the bounds. */
export function number<const O extends NumberOptions>(options?: O): RuleOf<number, O> {
  return rule(`a number${range(options)}`, options, (value) =>
    fine(typeof value === 'number' && Number.isFinite(value) && inRange(value, options))
  )
}

/** A whole number within the bounds. */
export function integer<const O extends NumberOptions>(options?: O): RuleOf<number, O> {
  return rule(`a whole number${range(options)}`, options, (value) =>
    fine(typeof value === 'number' && Number.isSafeInteger(value) && inRange(value, options))
  )
}

export function bigint<const O extends RuleOptions<bigint> & { readonly min?: bigint; readonly max?: bigint }>(
  options?: O
): RuleOf<bigint, O> {
  return rule(`a bigint${range(options)}`, options, (value) =>
    fine(
      typeof value === 'bigint' &&
        (options?.min === undefined || value >= options.min) &&
        (options?.max === undefined || value <= options.max)
    )
  )
}

export function boolean<const O extends RuleOptions<boolean>>(options?: O): RuleOf<boolean, O> {
  return rule('true or false', options, (value) => fine(typeof value === 'boolean'))
}

interface StringOptions extends RuleOptions<string> {
  /** In UTF-16 units. Default 1: an empty string is refused. */
  readonly lengthMin?: number
  /** Default 32767, what Kafka's strings can hold. */
  readonly lengthMax?: number
  readonly pattern?: RegExp
}

export function string<const O extends StringOptions>(options?: O): RuleOf<string, O> {
  const { lengthMin = 1, lengthMax = 32_767, pattern } = options ?? {}
  const which = `a ${lengthMin > 0 ? 'non-empty ' : ''}string of at most ${lengthMax} characters`
  return rule(pattern === undefined ? which : `${which} that matches ${pattern}`, options, (value) =>
    fine(
      typeof value === 'string' &&
        value.length >= lengthMin &&
        value.length <= lengthMax &&
        (pattern === undefined || pattern.test(value))
    )
  )
}

/** One of the given words. */
export function oneOf<const W extends string, const O extends RuleOptions<NoInfer<W>>>(
  words: readonly W[],
  options?: O
): RuleOf<W, O> {
  return rule(`one of ${words.map((word) => `'${word}'`).join(', ')}`, options, (value) =>
    fine(words.some((word) => word === value))
  )
}

/** An array of which each element keeps `element`'s rule. */
export function list<T, const O extends RuleOptions<readonly T[]> & { readonly lengthMin?: number }>(
  element: Rule<T>,
  options?: O
): RuleOf<readonly T[], O> {
  const lengthMin = options?.lengthMin ?? 0
  const allowed = `${lengthMin > 0 ? `an array of at least ${lengthMin}` : 'an array'}, each ${element.allowed}`
  return rule(allowed, options, (value) => {
    if (!Array.isArray(value) || value.length < lengthMin) return ''
    for (const [index, item] of value.entries()) {
      const reason = element.refuse(item)
      if (reason !== undefined) return `element ${index} is ${show(item, element.secret)}${reason && `: ${reason}`}`
    }
    return undefined
  })
}

/**
 * A value that a predicate recognises, such as a function or an object with certain methods. `allowed` is read after
 * "must be".
 */
export function value<T, const O extends RuleOptions<T>>(
  allowed: string,
  accepts: (value: unknown) => value is T,
  options?: O
): RuleOf<T, O> {
  return rule(allowed, options, (given) => fine(accepts(given)))
}

/** An object with these methods. */
export function withMethods<T extends object, const O extends RuleOptions<T> = RuleOptions<T>>(
  what: string,
  methods: readonly (keyof T & string)[],
  options?: O
): RuleOf<T, O> {
  const accepts = (given: unknown): given is T =>
    typeof given === 'object' &&
    given !== null &&
    methods.every((method) => typeof Reflect.get(given, method) === 'function')
  return rule(`${what} (an object with ${methods.join(', ')})`, options, (given) => fine(accepts(given)))
}

/** What every call that can be given up takes as `signal`. */
export function abortSignal(): Rule<AbortSignal | undefined> {
  return value('an AbortSignal', isAbortSignal, { optional: true })
}

function isAbortSignal(given: unknown): given is AbortSignal {
  return given instanceof AbortSignal
}

/** Options inside an option, checked by a table of their own. */
export function options<R extends RuleTable, const O extends RuleOptions<Checked<R>>>(
  table: R,
  ruleOptions?: O
): RuleOf<Checked<R>, O> {
  const refuse = (given: unknown) => (isPlainObject(given) ? firstRefusal(given, table) : '')
  const complete = (given: unknown) => fillIn(isPlainObject(given) ? given : {}, table)
  return rule(`an object with ${Object.keys(table).join(', ')}`, ruleOptions, refuse, complete)
}

/**
 * Checks what the user gave against the table and fills in what is absent; undefined counts as absent. `what` says
 * whose options they are, such as `producer`. The result is frozen.
 * Throws KafkaError INVALID_OPTION.
 */
export function checkOptions<const R extends RuleTable>(
  what: string,
  given: object | undefined,
  table: R,
  contradictions: readonly Contradiction<R>[] = []
): Checked<R> {
  if (given !== undefined && !isPlainObject(given)) {
    throw new KafkaError('INVALID_OPTION', `The options of ${what} must be an object, not ${show(given, false)}.`)
  }
  const refusal = firstRefusal(given ?? {}, table)
  if (refusal !== undefined) throw new KafkaError('INVALID_OPTION', `Options of ${what}: ${refusal}`)
  const checked = fillIn(given ?? {}, table)
  for (const contradiction of contradictions) {
    const reason = contradiction(checked)
    if (reason !== undefined) {
      throw new KafkaError('INVALID_OPTION', `Options of ${what} contradict each other: ${reason}`)
    }
  }
  return checked
}

function fillIn<R extends RuleTable>(given: object, table: R): Checked<R> {
  const checked: Record<string, unknown> = {}
  for (const [name, { absent, complete }] of Object.entries(table)) {
    const own: unknown = Reflect.get(given, name)
    if (own !== undefined) checked[name] = complete === undefined ? own : complete(own)
    else checked[name] = absent.kind === 'default' ? absent.value : undefined
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each entry has been checked by its rule
  return Object.freeze(checked) as Checked<R>
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function firstRefusal(given: object, table: RuleTable): string | undefined {
  for (const [name, own] of Object.entries(given)) {
    if (!Object.hasOwn(table, name)) return unknownName(name, own, Object.keys(table))
  }
  for (const [name, { refuse, allowed, absent, secret }] of Object.entries(table)) {
    const own: unknown = Reflect.get(given, name)
    if (own === undefined) {
      if (absent.kind === 'required') return `${name} is missing; it must be ${allowed}.`
      continue
    }
    const reason = refuse(own)
    if (reason === undefined) continue
    return reason === ''
      ? `${name} is ${show(own, secret)}, but must be ${allowed}.`
      : `${name} must be ${allowed}: ${reason}${/[.?]$/.test(reason) ? '' : '.'}`
  }
  return undefined
}

function unknownName(name: string, value: unknown, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  const meant = nearest === undefined ? `Known are ${known.join(', ')}.` : `Did you mean ${nearest}?`
  return `${name} (given as ${show(value, looksSecret(name))}) is not an option. ${meant}`
}

/** The known name that `name` was most probably meant to be; undefined where none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let bestScore = 0.5
  for (const candidate of known) {
    const score = Math.max(sharedWords(name, candidate), sharedLetters(name, candidate))
    if (score > bestScore) {
      best = candidate
      bestScore = score
    }
  }
  return best
}

// maxBatchBytes and batchBytesMax are the same words in another order.
function sharedWords(left: string, right: string): number {
  const leftWords = words(left)
  const rightWords = words(right)
  const shared = leftWords.filter((word) => rightWords.includes(word)).length
  return (2 * shared) / (leftWords.length + rightWords.length)
}

// What other clients call the same thing.
const synonyms: Readonly<Record<string, string>> = {
  maximum: 'max',
  minimum: 'min',
  milliseconds: 'ms',
  size: 'bytes',
  ssl: 'tls',
  bootstrap: 'brokers',
  servers: 'brokers'
}

function words(name: string): string[] {
  const parts = name.split(/[._-]|(?<=[a-z0-9])(?=[A-Z])/).map((word) => word.toLowerCase())
  return parts.map((word) => (Object.hasOwn(synonyms, word) ? synonyms[word]! : word))
}

function sharedLetters(left: string, right: string): number {
  return 1 - editDistance(left.toLowerCase().slice(0, 64), right.toLowerCase()) / Math.max(left.length, right.length, 1)
}

// Levenshtein's distance, one row at a time.
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i++) {
    const next = [i]
    for (let j = 1; j <= right.length; j++) {
      const change = row[j - 1]! + (left[i - 1] === right[j - 1] ? 0 : 1)
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[right.length]!
}

// The name of an unknown option is all there is to tell whether its value may be shown.
function looksSecret(name: string): boolean {
  return /pass|secret|token|key|cert|credential|sasl|auth|pfx|pem|jaas/i.test(name)
}

const shownLengthMax = 80
/** Who logs in, and with what, in an address such as `https://user:password@host`. */
const addressSecret = /(:\/\/)[^/\s]*@/g

/** A value as it may stand in an error message: short, and never the contents of an object or of a secret. */
export function show(value: unknown, secret: boolean): string {
  if (secret) return 'a hidden value'
  if (typeof value === 'string') {
    const shown = value.replaceAll(addressSecret, '$1…@')
    return JSON.stringify(shown.length > shownLengthMax ? `${shown.slice(0, shownLengthMax)}…` : shown)
  }
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (typeof value === 'object' && value !== null) return 'an object'
  return String(value)
}
