// The protocol layer under its public name, for programs in folders with a package.json of their own.
export * from 'kafka-once/protocol'
