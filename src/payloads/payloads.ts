export { directoryPayloads } from './directory.ts'
export type { PayloadOptions } from './payloadOptions.ts'
export type { PayloadListing, PayloadRange, PayloadStore, StoredPayload } from './payloadStore.ts'
export { type S3Client, type S3Object, type S3Options, type S3Signing, s3Payloads } from './s3.ts'
