import type { DeadLetterFilterOptions } from '../../../client/client.ts'
import { client } from '../../api/client.ts'
import { confirm } from '../../parts/ask/confirm.tsx'
import { counted } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { notify } from '../../parts/toasts.tsx'
import { filterWords, isEmpty } from './deadFilter.ts'

/** The server changes at most so many in one request. */
export const MAX_CHANGED = 1000

/** Drop all that fit: only after the user has seen how many, and has typed what they want. */
export async function dropMatching(filter: DeadLetterFilterOptions, reload: () => Promise<void>): Promise<void> {
  const which = { ...filter, ...(isEmpty(filter) && { all: true }) }
  const ids = await client.deadLetters.drop({ ...which, dryRun: true })
  if (ids.length === 0) {
    notify('No dead letter fits')
    await reload()
    return
  }
  const words = counted(ids.length, 'dead letter')
  const isSure = await confirm({
    title: 'Drop dead letters',
    text: (
      <>
        <p>
          <Outside text={filterWords(filter)} />: {words}
          {ids.length === MAX_CHANGED && ', and maybe more: the oldest are dropped first'}.
        </p>
        <p>Their messages are lost, with the input. It cannot be undone.</p>
      </>
    ),
    action: `Drop ${words}`,
    typed: 'drop',
  })
  if (!isSure) return
  const dropped = await client.deadLetters.drop(which)
  notify(`${counted(dropped.length, 'dead letter')} dropped`)
  await reload()
}
