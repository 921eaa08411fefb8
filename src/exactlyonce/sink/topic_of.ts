// Which topic an element of a Kafka sink goes to.
import { JobError } from '../errors.ts'
import type { CheckedKafkaSinkOptions } from './kafka_sink_options.ts'

/** Where an element goes. Throws JobError where nothing says so. */
export function topicOf<T>({ topic, topicFor }: CheckedKafkaSinkOptions<T>, value: T): string {
  const chosen = topicFor?.(value) ?? topic
  if (chosen !== undefined) return chosen
  throw new JobError('JOB_FAILED', 'topicFor gave no topic for an element, and the sink has no topic of its own.', {
    fatal: true
  })
}
