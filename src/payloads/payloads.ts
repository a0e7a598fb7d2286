export { directoryPayloads } from './directory.ts'
export type { PayloadOptions } from './payloadOptions.ts'
export type { PayloadListing, PayloadRange, PayloadStore, StoredPayload } from './payloadStore.ts'
