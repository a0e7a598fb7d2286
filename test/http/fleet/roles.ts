import { bearer } from '../../../src/http/server/serve.ts'

/** Who calls in tests of the fleet's resources: one of each role, and one with none. */
export const authorize = bearer({
  'a-token-of-none-123': 'none',
  'a-token-of-view-123': { id: 'view', scopes: ['viewer'] },
  'a-token-of-oper-123': { id: 'oper', scopes: ['operator'] },
  'a-token-of-root-123': { id: 'root', scopes: ['admin'] },
})
export const TOKENS = {
  none: 'a-token-of-none-123',
  viewer: 'a-token-of-view-123',
  operator: 'a-token-of-oper-123',
  admin: 'a-token-of-root-123',
} as const
