// The package under its public names, for programs in folders with a package.json of their own, from where the compiler
// cannot resolve those names.
export * from 'kafka-once'
export {
  KafkaSink,
  KafkaSource,
  memoryCheckpointStorage,
  SimpleStringSchema,
  StreamExecutionEnvironment
} from 'kafka-once/exactlyonce'
