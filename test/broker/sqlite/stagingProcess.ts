/*
 * Sends a large group, and dies by SIGKILL before the statement that begins with START is run for the HIT-th time:
 * `stagingProcess.ts URL MEMBERS START HIT`.
 */
import { PENDING } from '../../../src/protocol/states.ts'
import { openStores } from '../../../src/stores/open.ts'
import { envelopeOf, metaOf, toQueue } from '../../../src/testing/factories.ts'
import { killAt } from './killAt.ts'

const [, , url = '', members, start = '', hit] = process.argv
killAt(start, Number(hit))
const { unitOfWork, close } = await openStores(
  { broker: url, backend: url },
  { lease: 30_000, visibilityTimeout: 3_600_000, expires: 60_000, serializer: 'json', accept: ['json'] },
)
const ids = Array.from({ length: Number(members) }, (_, at) => `t${at}`)
const submissions = ids.map((id) => ({
  message: { envelope: envelopeOf(id), route: toQueue('q') },
  meta: metaOf(id, PENDING),
}))
await unitOfWork.submitGroup?.(submissions, [{ group: 'g', size: ids.length }])
await close()
