// Which topic an element of a Kafka sink goes to.
import { show } from '../../client/index.ts'
import { JobError } from '../errors.ts'
import type { CheckedKafkaSinkOptions } from './kafka_sink_options.ts'

/** Where an element goes. Throws JobError where nothing says so. */
export function topicOf<T>({ topic, topicFor }: CheckedKafkaSinkOptions<T>, value: T): string {
  const chosen = topicFor?.(value) ?? topic
  if (typeof chosen === 'string' && chosen !== '') return chosen
  const given = chosen === undefined ? 'no topic' : show(chosen, false)
  throw new JobError('JOB_FAILED', `topicFor gave ${given} for an element, and the sink has no topic of its own.`, {
    fatal: true,
    nextStep: 'Let topicFor answer the name of a topic, or give the sink a topic.'
  })
}
