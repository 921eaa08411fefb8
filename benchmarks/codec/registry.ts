// The list of everything that can be measured.
import { messageWorkloads } from './messages.ts'
import { placeWorkloads, recordWorkloads } from './records.ts'
import type { CodecWorkload } from './workload.ts'

export const codecWorkloads: readonly CodecWorkload[] = [...messageWorkloads, ...recordWorkloads, ...placeWorkloads]
