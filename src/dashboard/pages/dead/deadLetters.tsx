import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { DeadLetterDocument, DeadLetterPageDocument } from '../../../protocol/deadLetterDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { CursorPages } from '../../app/cursorPages.tsx'
import { here, to } from '../../app/location.ts'
import { useRowKeys } from '../../app/rowKeys.ts'
import { can, whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { Empty } from '../../parts/problem.tsx'
import { Outside, visible } from '../../parts/text/outside.tsx'
import { Ago } from '../../parts/text/time.tsx'
import { notify } from '../../parts/toasts.tsx'
import { filterOf, isEmpty } from './deadFilter.ts'
import { dropMatching } from './dropLetters.tsx'
import { Filters } from './filters.tsx'
import { REASONS } from './reasons.ts'
import { RedriveDialog } from './redriveDialog.tsx'
import { redrivenWords } from './redrivePlan.ts'

const RELOAD_MS = 5000
const PAGE = 50

/** Messages that workers have given up. */
export function DeadLetters(): JSX.Element {
  const filter = filterOf()
  const cursor = here.value.query.get('cursor') ?? undefined
  const isKept = can('dead')
  const found = useResource(
    async (signal): Promise<DeadLetterPageDocument> =>
      isKept ? client.deadLetters.list({ ...filter, cursor, limit: PAGE, signal }) : { letters: [] },
    [JSON.stringify(filter), cursor, isKept],
    // Another page is where the user reads: it does not move.
    cursor === undefined ? { every: RELOAD_MS } : {},
  )
  const [isAsking, setAsking] = useState(false)
  useRowKeys('dead letter')
  if (!isKept) return <NotKept />
  const isNone = found.data?.letters.length === 0 && cursor === undefined
  const none = isNone ? 'No dead letter is chosen' : undefined
  return (
    <Page
      title="Dead letters"
      actions={
        <>
          <Button disabled={whyNot('redrive') ?? none} onPress={() => setAsking(true)}>
            {isEmpty(filter) ? 'Redrive all…' : 'Redrive these…'}
          </Button>
          <Button
            kind="danger"
            disabled={whyNot('editDead') ?? none}
            onPress={() => dropMatching(filter, found.reload)}
          >
            {isEmpty(filter) ? 'Drop all…' : 'Drop these…'}
          </Button>
        </>
      }
    >
      <Filters />
      <Shown of={found}>
        {(page) =>
          page.letters.length === 0 && page.cursor === undefined ? (
            <None isFiltered={!isEmpty(filter) || cursor !== undefined} />
          ) : (
            <Letters page={page} reload={found.reload} />
          )
        }
      </Shown>
      {isAsking && <RedriveDialog filter={filter} close={() => setAsking(false)} changed={found.reload} />}
    </Page>
  )
}

function NotKept(): JSX.Element {
  return (
    <Page title="Dead letters">
      <Empty title="The result backend keeps no dead letters">
        <p>
          Workers keep what they give up in SQLite, PostgreSQL or Redis, not with <code>rpc://</code>. Give the app one
          of these as its option <code>backend</code>.
        </p>
      </Empty>
    </Page>
  )
}

function None({ isFiltered }: { isFiltered: boolean }): JSX.Element {
  if (isFiltered)
    return (
      <Empty title="No dead letter fits">
        <p>Clear the filter to see all of them.</p>
      </Empty>
    )
  return (
    <Empty title="No dead letters">
      <p>
        A message is here when a worker has given it up: its task failed and has no retries left, or rejected it, or no
        worker can read it. You can then see why, correct its input, and send it again.
      </p>
    </Empty>
  )
}

interface LettersProps {
  readonly page: DeadLetterPageDocument
  readonly reload: () => Promise<void>
}

function Letters({ page, reload }: LettersProps): JSX.Element {
  return (
    <>
      <div class="scroll">
        <table class="dead">
          <thead>
            <tr>
              <th>Task</th>
              <th>Reason</th>
              <th>Error</th>
              <th>Queue</th>
              <th>Owner</th>
              <th class="right">Deaths</th>
              <th class="right">Died</th>
              <th>
                <span class="unseen">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {page.letters.map((letter) => (
              <Row key={letter.id} letter={letter} reload={reload} />
            ))}
          </tbody>
        </table>
      </div>
      <CursorPages label="Pages of dead letters" next={page.cursor} />
    </>
  )
}

function Row({ letter, reload }: { letter: DeadLetterDocument; reload: () => Promise<void> }): JSX.Element {
  const { id, task, reason, error, queue, owner, deaths, diedAt } = letter
  const press = async (): Promise<void> => {
    const { ids, succeeded } = await client.deadLetters.redrive(id)
    notify(redrivenWords({ ids, succeeded }))
    await reload()
  }
  return (
    <tr>
      <td class="name">
        <a href={to(['dead', id])} data-row>
          <Outside text={task ?? id} />
        </a>
      </td>
      <td title={REASONS[reason][1]}>{REASONS[reason][0]}</td>
      <td class="cut">
        <Outside text={`${error.type}: ${error.message}`} />
      </td>
      <td>
        <Outside text={queue} />
      </td>
      <td>{owner === undefined ? <span class="quiet">–</span> : <Outside text={owner} />}</td>
      <td class="right">{deaths.length + 1}</td>
      <td class="right">
        <Ago at={diedAt} />
      </td>
      <td class="tight">
        <Button disabled={whyNot('redrive')} onPress={press}>
          Redrive
          <span class="unseen"> {visible(task ?? id)}</span>
        </Button>
      </td>
    </tr>
  )
}
