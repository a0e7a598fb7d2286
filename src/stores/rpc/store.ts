import { ConfigError } from '../../std/errors.ts'
import type { StoreDriver } from '../store.ts'
import { RpcBackend } from './backend.ts'

/** Results in messages of the app's broker. */
export const rpcStore: StoreDriver = {
  open: (_url, options, _use, messages) => {
    if (messages === undefined) throw new ConfigError('rpc://: expected a broker for replies, got none')
    const backend = new RpcBackend(options, messages)
    return { backend, close: () => backend.close() }
  },
}
