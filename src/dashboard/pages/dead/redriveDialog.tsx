import type { JSX } from 'preact'
import { useMemo, useRef, useState } from 'preact/hooks'
import type { DeadLetterFilterOptions } from '../../../client/client.ts'
import { Text } from '../../parts/ask/fields.tsx'
import { BulkDialog } from '../../parts/bulk/bulkDialog.tsx'
import { Outside } from '../../parts/text/outside.tsx'
import { filterWords } from './deadFilter.ts'
import { MAX_CHANGED } from './dropLetters.tsx'
import { intervalOf, redrivePlan } from './redrivePlan.ts'

const RATE = 'number per second, minute or hour, as 5/s, 300/m or 1000/h; empty: at once'

export interface RedriveDialogProps {
  readonly filter: DeadLetterFilterOptions
  readonly close: () => void
  readonly changed: () => Promise<void>
}

/** Sends all that fit again: how many, how fast, and how far it has come. */
export function RedriveDialog({ filter, close, changed }: RedriveDialogProps): JSX.Element {
  const [rate, setRate] = useState('')
  const latest = useRef(rate)
  latest.current = rate
  const plan = useMemo(() => redrivePlan(filter, () => latest.current), [])
  const isRate = intervalOf(rate) !== undefined
  const says = (
    <>
      <Outside text={filterWords(filter)} />, at most {MAX_CHANGED} at once. Each is sent to its queue again, the oldest
      first.
    </>
  )
  return (
    <BulkDialog
      title="Redrive dead letters"
      action={{ verb: 'Redrive', done: 'sent again', noun: 'message', says }}
      plan={plan}
      barred={isRate ? undefined : 'The rate cannot be read'}
      close={async (isChanged) => {
        close()
        if (isChanged) await changed()
      }}
    >
      <Text
        label="No faster than"
        placeholder="300/m"
        value={rate}
        hint={`A ${RATE}`}
        wrong={isRate ? undefined : `Expected a ${RATE}`}
        change={(text) => setRate(text.trim())}
      />
    </BulkDialog>
  )
}
