// Owns the list of APIs that the embedded broker serves. A new API is one file beside this one and one line here.

import { fetchRecords } from './01_fetch.ts'
import { listOffsets } from './02_list_offsets.ts'
import { metadata } from './03_metadata.ts'
import { produce } from './00_produce.ts'
import { findCoordinator } from './10_find_coordinator.ts'
import { apiVersions } from './18_api_versions.ts'
import { createTopics } from './19_create_topics.ts'
import { initProducerId } from './22_init_producer_id.ts'
import type { ApiHandler } from './handler.ts'

/** Handlers by API key, in the order of the keys. */
export const handlers: ReadonlyMap<number, ApiHandler> = new Map(
  [produce, fetchRecords, listOffsets, metadata, findCoordinator, apiVersions, createTopics, initProducerId].map(
    (one) => [one.key, one]
  )
)
