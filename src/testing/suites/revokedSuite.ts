import assert from 'node:assert/strict'
import { type Case, casesOn, type OpenedBackend } from '../backendFixture.ts'
import type { Kit } from '../kit.ts'

/**
 * What the revoked ids of every result backend must do: each case is a sentence of the contract in
 * `backend/revokedIds.ts`.
 */
export function revokedSuite(kit: Kit, name: string, open: () => Promise<OpenedBackend>): void {
  kit.describe(`revoked ids ${name}`, () => revoking(casesOn(kit, open)))
}

function revoking(it: Case): void {
  it('add: is remembered, and read on every connection', async ({ backend, other }) => {
    assert.deepEqual(await backend.revoked.all(), [])
    await backend.revoked.add(['a', 'b'])
    await other.revoked.add(['b', 'c'])
    assert.deepEqual([...(await backend.revoked.all())].sort(), ['a', 'b', 'c'])
    assert.deepEqual([...(await other.revoked.all())].sort(), ['a', 'b', 'c'])
    assert.deepEqual(await backend.load(['a']), [undefined])
  })
}
