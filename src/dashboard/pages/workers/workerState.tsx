import type { JSX } from 'preact'
import type { WorkerDocument } from '../../../protocol/workerDocument.ts'
import { Icon } from '../../parts/icon.tsx'
import { Outside } from '../../parts/text/outside.tsx'
import { Ago } from '../../parts/text/time.tsx'

interface Look {
  readonly kind: 'good' | 'bad' | 'waiting' | 'again'
  readonly icon: string
  readonly word: string
}

/** Whether it takes tasks: a mark, a word, and why not. */
export function WorkerState({ worker }: { worker: WorkerDocument }): JSX.Element {
  const { kind, icon, word } = lookOf(worker)
  const { answers, seenAt, reason } = worker
  return (
    <>
      <span class={`state ${kind}`}>
        <Icon name={icon} />
        {word}
      </span>
      {!answers && seenAt !== undefined && (
        <div class="quiet">
          seen <Ago at={seenAt} />
        </div>
      )}
      {answers && reason !== undefined && (
        <div class="quiet reason">
          <Outside text={reason} />
        </div>
      )}
    </>
  )
}

/** Celery's do not say whether they are ready: they answer. */
function lookOf({ answers, ready, quiet }: WorkerDocument): Look {
  if (!answers) return { kind: 'bad', icon: 'state-bad', word: 'Not answering' }
  if (quiet) return { kind: 'waiting', icon: 'pause', word: 'Quiet' }
  if (ready === false) return { kind: 'again', icon: 'state-waiting', word: 'Not ready' }
  return { kind: 'good', icon: 'state-good', word: ready ? 'Ready' : 'Online' }
}
