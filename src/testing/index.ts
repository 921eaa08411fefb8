// The door of the test kit: an in-process Kafka for tests, and a simulation that runs programs under faults by a seed.
export type { ServerRuntime } from '../runtime/index.ts'
export { EmbeddedKafka } from './embedded_kafka.ts'
export type { EmbeddedKafkaOptions } from './embedded_kafka.ts'
export type {
  ControlHandler,
  ControlledRequest,
  ControlOptions,
  ControlPlan,
  ControlRegistration
} from './cluster/controls.ts'
