import { bearer } from '../../../src/http/server/serve.ts'

/** Who calls in tests of roles: the owner of the jobs, another without a role, and one with each role. */
export const authorize = bearer({
  'a-token-of-ann-1234': 'ann',
  'a-token-of-bob-1234': { id: 'bob', scopes: ['payments'] },
  'a-token-of-vic-1234': { id: 'vic', scopes: ['viewer'] },
  'a-token-of-olga-123': { id: 'olga', scopes: ['operator'] },
  'a-token-of-root-123': { id: 'root', scopes: ['admin'] },
})

export const PEOPLE = {
  other: { authorization: 'Bearer a-token-of-bob-1234' },
  owner: { authorization: 'Bearer a-token-of-ann-1234' },
  viewer: { authorization: 'Bearer a-token-of-vic-1234' },
  operator: { authorization: 'Bearer a-token-of-olga-123' },
  admin: { authorization: 'Bearer a-token-of-root-123' },
} as const

export type Person = keyof typeof PEOPLE
export const NAMES = Object.keys(PEOPLE) as Person[]
