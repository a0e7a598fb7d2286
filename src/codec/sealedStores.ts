import type { SerializerName } from '../protocol/encoding.ts'
import type { OpenStores } from '../stores/open.ts'
import type { Codec } from './codec.ts'
import { SealedBackend } from './sealedBackend.ts'
import { sealedSchedule } from './sealedSchedule.ts'
import { SealedUnitOfWork } from './sealedUnitOfWork.ts'
import { Seals } from './seals.ts'

/**
 * These stores, with all payloads sealed. Brokers deliver messages as they are kept: `opens` opens them, so that one is
 * passed on, or put aside, without its key. What keeps large payloads elsewhere belongs into these stores: it then gets
 * them sealed.
 */
export function sealedStores<Opened extends OpenStores>(
  stores: Opened,
  codec: Codec,
  serializer: SerializerName,
): Opened {
  const seals = new Seals(codec, serializer)
  return {
    ...stores,
    backend: new SealedBackend(stores.backend, seals),
    unitOfWork: new SealedUnitOfWork(stores.unitOfWork, seals),
    schedule: async (app) => sealedSchedule(await stores.schedule(app), seals.sealer),
    opens: seals.messages.open,
  }
}
