// Owns the list of APIs that the embedded broker serves. A new API is one file beside this one and one line here.

import { fetchRecords } from './01_fetch.ts'
import { listOffsets } from './02_list_offsets.ts'
import { metadata } from './03_metadata.ts'
import { produce } from './00_produce.ts'
import { findCoordinator } from './10_find_coordinator.ts'
import { apiVersions } from './18_api_versions.ts'
import { createTopics } from './19_create_topics.ts'
import { deleteRecords } from './21_delete_records.ts'
import { initProducerId } from './22_init_producer_id.ts'
import { offsetForLeaderEpoch } from './23_offset_for_leader_epoch.ts'
import { describeProducers } from './61_describe_producers.ts'
import type { ApiHandler } from './handler.ts'

const all: readonly ApiHandler[] = [
  produce,
  fetchRecords,
  listOffsets,
  metadata,
  findCoordinator,
  apiVersions,
  createTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  describeProducers
]

/** Handlers by API key, in the order above. */
export const handlers: ReadonlyMap<number, ApiHandler> = new Map(all.map((one) => [one.key, one]))
