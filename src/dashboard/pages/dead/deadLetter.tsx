import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { DeadLetterContentDocument } from '../../../protocol/deadLetterDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { go, to } from '../../app/location.ts'
import { whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { confirm } from '../../parts/ask/confirm.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { bytes, counted } from '../../parts/text/format.ts'
import { Outside, OutsideBlock } from '../../parts/text/outside.tsx'
import { Moment } from '../../parts/text/time.tsx'
import { TitledJson } from '../../parts/text/titledJson.tsx'
import { notify } from '../../parts/toasts.tsx'
import { Deaths } from './deaths.tsx'
import { EditInput, whyNotEdited } from './editInput.tsx'
import { REASONS } from './reasons.ts'
import { redrivenWords } from './redrivePlan.ts'

/** One dead letter: why it died, with what it was sent, and what can be done. */
export function DeadLetter({ id }: { readonly id: string }): JSX.Element {
  const found = useResource((signal) => client.deadLetters.get(id, { signal }), [id])
  const [isEdited, setEdited] = useState(false)
  const letter = found.data
  return (
    <Page
      title={<Outside text={letter?.task ?? id} />}
      actions={letter && <Actions letter={letter} edit={() => setEdited(true)} />}
    >
      <Shown of={found}>
        {(one) => (
          <>
            <About letter={one} />
            {isEdited && (
              <EditInput letter={one} saved={(edited) => found.update(() => edited)} close={() => setEdited(false)} />
            )}
            <Input letter={one} />
          </>
        )}
      </Shown>
    </Page>
  )
}

function Actions({ letter, edit }: { letter: DeadLetterContentDocument; edit: () => void }): JSX.Element {
  const { id } = letter
  const redrive = async (): Promise<void> => {
    notify(redrivenWords(await client.deadLetters.redrive(id)))
    go(to(['jobs', id]))
  }
  const drop = async (): Promise<void> => {
    const isSure = await confirm({
      title: 'Drop the dead letter',
      text: <p>Its message is lost, with its input. It cannot be undone.</p>,
      action: 'Drop it',
    })
    if (!isSure) return
    await client.deadLetters.drop(id)
    notify('The dead letter is dropped')
    go(to('dead'))
  }
  return (
    <>
      <Button kind="primary" disabled={whyNot('redrive')} onPress={redrive}>
        Redrive
      </Button>
      <Button disabled={whyNot('editDead') ?? whyNotEdited(letter)} onPress={edit}>
        Edit input…
      </Button>
      <Button kind="danger" disabled={whyNot('editDead')} onPress={drop}>
        Drop…
      </Button>
    </>
  )
}

function About({ letter }: { letter: DeadLetterContentDocument }): JSX.Element {
  const { id, task, queue, reason, worker, diedAt, retries, lost, owner, tags, bytes: size } = letter
  return (
    <>
      <div class="card">
        <Facts
          of={[
            ['Reason', `${REASONS[reason][0]}: ${REASONS[reason][1]}`],
            [
              'Job',
              <a key="job" href={to(['jobs', id])}>
                <Outside text={id} />
              </a>,
            ],
            ['Task', task === undefined ? undefined : <Outside key="task" text={task} />],
            [
              'Queue',
              <a key="queue" href={to(['queues', queue])}>
                <Outside text={queue} />
              </a>,
            ],
            ['Worker', <Outside key="worker" text={worker} />],
            ['Died', <Moment key="died" at={diedAt} />],
            ['Retries before', retries],
            ['Lost with a worker', lost === 0 ? undefined : counted(lost, 'time')],
            ['Owner', owner === undefined ? undefined : <Outside key="owner" text={owner} />],
            ['Tags', tags.length === 0 ? undefined : <Outside key="tags" text={tags.join(', ')} />],
            ['Message', bytes(size)],
          ]}
        />
      </div>
      <Deaths letter={letter} />
    </>
  )
}

/** What it was called with; or the beginning of its body, where that cannot be read. */
function Input({ letter: { args, kwargs, problem, body } }: { letter: DeadLetterContentDocument }): JSX.Element {
  return (
    <section class="part" aria-labelledby="input">
      <h2 id="input">Input</h2>
      {problem !== undefined && (
        <p class="notice">
          It is not shown: <Outside text={problem} length={1000} />
        </p>
      )}
      {args !== undefined && (args.length > 0 || Object.keys(kwargs ?? {}).length === 0) && (
        <TitledJson label="Arguments" value={args} />
      )}
      {kwargs !== undefined && Object.keys(kwargs).length > 0 && (
        <TitledJson label="Keyword arguments" value={kwargs} />
      )}
      {body !== undefined && (
        <div>
          <h3>Beginning of the body</h3>
          <OutsideBlock label="Beginning of the body" text={body} />
        </div>
      )}
    </section>
  )
}
