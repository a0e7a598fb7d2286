import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { JobDiagnosisDocument } from '../../../protocol/doctorDocument.ts'
import { client } from '../../api/client.ts'
import { useValue } from '../../api/signal.ts'
import { useKeys } from '../../app/keys.ts'
import { whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Problem } from '../../parts/problem.tsx'
import { Outside } from '../../parts/text/outside.tsx'
import { now } from '../../parts/text/time.tsx'
import type { JobView } from './model.ts'

/** A job that waits for so long is examined by itself, ms. */
const PATIENCE_MS = 5000

/** Why a job does not run. */
export function Diagnosis({ job: { id, createdAt, state } }: { job: JobView }): JSX.Element {
  const [found, setFound] = useState<JobDiagnosisDocument>()
  const [error, setError] = useState<Error>()
  const isAsked = useRef(false)
  const barred = whyNot('see')
  const ask = async (): Promise<void> => {
    isAsked.current = true
    setError(undefined)
    try {
      setFound(await client.doctor(id))
    } catch (reason) {
      setError(reason as Error)
    }
  }
  const time = useValue(now)
  const isLate = createdAt === undefined || time - Date.parse(createdAt) > PATIENCE_MS
  useEffect(() => {
    if (isLate && !isAsked.current && barred === undefined) void ask()
  }, [isLate, barred])
  useKeys([{ keys: 'd', does: 'Why does it not run?', run: () => barred === undefined && void ask() }])
  return (
    <section class="card" aria-labelledby="job-diagnosis">
      <div class="row job-section">
        <h2 id="job-diagnosis">Why it does not run</h2>
        <Button disabled={barred} onPress={ask}>
          Examine
        </Button>
      </div>
      {error && <Problem error={error} />}
      {found?.findings.length === 0 && (
        <p class="quiet">
          Nothing was found: it {state === 'RETRY' ? 'waits for its next attempt' : 'is about to run'}.
        </p>
      )}
      {found && found.findings.length > 0 && (
        <ul class="job-findings" aria-live="polite">
          {found.findings.map(({ check, text }) => (
            <li key={`${check} ${text}`}>
              <code>{check}</code> <Outside text={text} length={1000} />
            </li>
          ))}
        </ul>
      )}
      {!found && !error && <p class="quiet">A job that waits for more than 5 seconds is examined by itself.</p>}
    </section>
  )
}
