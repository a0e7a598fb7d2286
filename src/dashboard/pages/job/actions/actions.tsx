import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { JobDocument } from '../../../../protocol/jobDocument.ts'
import { client } from '../../../api/client.ts'
import { place } from '../../../api/place.ts'
import { useKeys } from '../../../app/keys.ts'
import { go, to } from '../../../app/location.ts'
import { me, whyNot } from '../../../app/session.ts'
import { Button } from '../../../parts/ask/button.tsx'
import { confirm } from '../../../parts/ask/confirm.tsx'
import { Menu } from '../../../parts/ask/menu.tsx'
import { problemLine } from '../../../parts/problemText.ts'
import { isEnded } from '../../../parts/state.tsx'
import { copy } from '../../../parts/text/copy.tsx'
import { notify } from '../../../parts/toasts.tsx'
import { type KnownInput, whyNoInput } from '../input.tsx'
import type { JobView, KnownJob } from '../model.ts'
import { ChangeDialog } from './changeDialog.tsx'
import { RetryDialog } from './retryDialog.tsx'

export interface ActionsProps {
  readonly job: JobView
  readonly known: KnownJob
  readonly input: KnownInput
  /** As the server has answered. */
  readonly changed: (job?: JobDocument) => void
}

/** One thing that can be done. */
interface Action {
  readonly key: string
  readonly name: string
  readonly kind?: 'primary' | 'danger'
  /** Why it cannot be done now. */
  readonly barred: string | undefined
  readonly run: () => unknown
}

/** Buttons and keys for what can be done with a job. */
export function Actions(props: ActionsProps): JSX.Element {
  const [open, setOpen] = useState<'retry' | 'change'>()
  const close = (): void => setOpen(undefined)
  const { known, input } = props
  const { id } = props.job
  const [first, more] = [buttonsOf(props, setOpen), moreOf(props, setOpen)]
  useKeys(
    [...first, ...more].map((action) => ({
      keys: action.key,
      does: action.name.replace('…', ''),
      run: () => press(action),
    })),
  )
  return (
    <>
      {first.map((action) => (
        <ActionButton key={action.name} action={action} />
      ))}
      <Menu label="More actions">
        {more.map((action) => (
          <ActionButton key={action.name} action={action} />
        ))}
      </Menu>
      {open === 'retry' && <RetryDialog {...{ id, known, input }} close={close} done={retried} />}
      {open === 'change' && (
        <ChangeDialog
          id={id}
          close={close}
          done={(job) => {
            close()
            props.changed(job)
            notify('Changed')
          }}
        />
      )}
    </>
  )
}

function ActionButton({ action: { name, kind, barred, run } }: { action: Action }): JSX.Element {
  return (
    <Button kind={kind ?? 'plain'} disabled={barred} onPress={run}>
      {name}
    </Button>
  )
}

/** By its key. */
async function press({ barred, run }: Action): Promise<void> {
  if (barred !== undefined) {
    notify(barred, 'problem')
    return
  }
  try {
    await run()
  } catch (error) {
    notify(problemLine(error), 'problem')
  }
}

/** The new job is shown. */
function retried(id: string): void {
  notify('Submitted once more: this is the new job')
  go(to(['jobs', id]))
}

const NO_RECORD = 'It has no record here'

function buttonsOf({ job, known, input, changed }: ActionsProps, setOpen: (open: 'retry') => void): Action[] {
  const { id, state } = job
  const ended = isEnded(state)
  const active = ended ? undefined : 'It has not ended'
  return [
    {
      key: 'r',
      name: 'Retry',
      ...(state === 'FAILURE' && { kind: 'primary' }),
      barred: whyNot('retry') ?? active ?? whyNoInput(input) ?? (known.info || input.data ? undefined : NO_RECORD),
      run: async () => retried((await client.job(id).retry()).id),
    },
    {
      key: 'i',
      name: 'Retry with another input…',
      barred: whyNot('retryEdited') ?? active,
      run: () => setOpen('retry'),
    },
    {
      key: 'v',
      name: 'Revoke',
      kind: 'danger',
      barred: whyNot('revoke') ?? (ended ? 'It has ended' : undefined),
      run: () => revoke(id, false, changed),
    },
  ]
}

function moreOf({ job, known, changed }: ActionsProps, setOpen: (open: 'change') => void): Action[] {
  const { id, state } = job
  const ended = isEnded(state)
  const isWaiting = state === 'PENDING' || state === 'RECEIVED' || state === 'RETRY'
  return [
    {
      key: 't',
      name: 'Terminate',
      barred: whyNot('revoke') ?? (ended ? 'It has ended' : undefined),
      run: () => revoke(id, true, changed),
    },
    {
      key: 'm',
      name: 'Change…',
      barred: whyNot('reschedule') ?? (known.info ? (isWaiting ? undefined : 'It does not wait') : NO_RECORD),
      run: () => setOpen('change'),
    },
    {
      key: 'F',
      name: 'Forget',
      barred: whyNot('forget') ?? (ended ? undefined : 'It has not ended: revoke it first'),
      run: () => forget(id),
    },
    { key: 'y', name: 'Copy the id', barred: undefined, run: () => copy(id, 'the id') },
    { key: 'u', name: 'Copy as curl', barred: undefined, run: () => copy(curlOf(id), 'the line for curl') },
  ]
}

async function revoke(id: string, terminate: boolean, changed: ActionsProps['changed']): Promise<void> {
  const text = terminate
    ? 'If it runs, its process or thread is ended by force, where its pool can. What it has begun may be half done.'
    : 'It does not run any more. If it runs now, it is asked to stop.'
  const isWanted = await confirm({
    title: terminate ? 'Terminate this job?' : 'Revoke this job?',
    text,
    action: terminate ? 'Terminate' : 'Revoke',
  })
  if (!isWanted) return
  const job = await client.job(id).cancel({ terminate })
  changed(job)
  notify(job.state === 'REVOKED' ? 'Revoked' : 'Its worker was asked to stop it')
}

async function forget(id: string): Promise<void> {
  const isWanted = await confirm({
    title: 'Forget this job?',
    text: 'Its record, input, result, log and history are removed, and cannot be restored.',
    action: 'Forget 1 job',
  })
  if (!isWanted) return
  const { ids } = await client.forget({ ids: [id] })
  if (ids.length === 0) throw new Error('Nothing was removed: no record of it is kept, or it has not ended')
  notify('Forgotten')
  go(to('jobs'))
}

/** The request that reads this job. */
function curlOf(id: string): string {
  const token = me.value?.open ? '' : '-H "Authorization: Bearer $TOKEN" '
  return `curl ${token}'${place.url}${place.base}/jobs/${encodeURIComponent(id).replaceAll("'", '%27')}'`
}
