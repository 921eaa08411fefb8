// Owns the look for packages that users may install besides this one. Each is looked for once, when it is first asked
// for: nothing is imported when the library loads, and one that is not here, or does not run here, is simply absent.

const found = new Map<string, object | undefined | Promise<object | undefined>>()

/** What the package exports; undefined where it cannot be used here. A promise only until that is known. */
export function optionalPackage(name: string): object | undefined | Promise<object | undefined> {
  if (found.has(name)) return found.get(name)
  const search = load(name).then((api) => {
    found.set(name, api)
    return api
  })
  found.set(name, search)
  return search
}

async function load(name: string): Promise<object | undefined> {
  try {
    const exported: unknown = await import(name)
    return objectIn(exported)
  } catch {
    return undefined
  }
}

// What a package of the old kind exports is its default here, and not all of it is also found by name.
function objectIn(exported: unknown): object | undefined {
  if (typeof exported !== 'object' || exported === null) return undefined
  const inner: unknown = 'default' in exported ? exported.default : undefined
  const isUsable = (typeof inner === 'object' && inner !== null) || typeof inner === 'function'
  return isUsable ? inner : exported
}
