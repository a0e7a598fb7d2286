import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { FailureDocument } from '../../../protocol/recordedDocument.ts'
import { client } from '../../api/client.ts'
import { useLive } from '../../api/live.ts'
import { useResource } from '../../api/resource.ts'
import { to } from '../../app/location.ts'
import { useRowKeys } from '../../app/rowKeys.ts'
import { whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { type BulkAction, BulkDialog } from '../../parts/bulk/bulkDialog.tsx'
import { retrySeries } from '../../parts/bulk/retrySeries.ts'
import { Facts } from '../../parts/facts.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Live } from '../../parts/live.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { copy } from '../../parts/text/copy.tsx'
import { count } from '../../parts/text/format.ts'
import { Outside, OutsideBlock } from '../../parts/text/outside.tsx'
import { Moment } from '../../parts/text/time.tsx'
import { GroupJobs, useGroupJobs } from './groupJobs.tsx'
import { Regressed } from './regressed.tsx'

/** One group of failures: what it is, its last traceback, and its jobs. */
export function Failure({ id }: { readonly id: string }): JSX.Element {
  const failure = useResource((signal) => client.recorded.failure(id, { signal }), [id])
  const lastJob = failure.data?.lastJob
  const traceback = useResource(
    async (signal) =>
      lastJob === undefined ? undefined : (await client.recorded.history(lastJob, { signal })).job.traceback,
    [lastJob],
  )
  const jobs = useGroupJobs(id)
  const [isAsked, setAsked] = useState(false)
  useLive({
    watch: { watch: ['failures', 'jobs'], fingerprint: id, limit: 50 },
    begin: () => Promise.all([failure.reload(), jobs.list.reload()]),
    change: (message) => {
      if (message.kind === 'failures') {
        const changed = message.changed.find(({ fingerprint }) => fingerprint === id)
        if (changed) failure.update(() => changed)
      } else if (message.kind === 'jobs') jobs.change(message.jobs)
    },
  })
  useRowKeys('job')
  const title = failure.data ? <Outside text={failure.data.type} /> : 'Failures'
  const actions = (
    <>
      <Live />
      {failure.data && <Actions failure={failure.data} traceback={traceback.data} retry={() => setAsked(true)} />}
    </>
  )
  return (
    <Page title={title} actions={actions}>
      <Shown of={failure}>{(known) => <About failure={known} />}</Shown>
      {failure.data && (
        <section class="part">
          <h2>Last traceback</h2>
          <Shown of={traceback}>
            {(text) =>
              text === undefined || text === '' ? (
                <p class="quiet">The last job has no traceback that is kept.</p>
              ) : (
                <OutsideBlock text={text} label="Last traceback" />
              )
            }
          </Shown>
        </section>
      )}
      {failure.data && <GroupJobs jobs={jobs} />}
      {isAsked && (
        <BulkDialog
          title="Retry this group"
          action={RETRY}
          plan={{ series: [retrySeries((asked) => client.recorded.retryFailure(id, asked))], left: {} }}
          close={() => setAsked(false)}
        />
      )}
    </Page>
  )
}

const RETRY: BulkAction = {
  verb: 'Retry',
  done: 'submitted again',
  says: 'Each is submitted once more, as a new job with the same input.',
}

interface ActionsProps {
  readonly failure: FailureDocument
  readonly traceback: string | undefined
  readonly retry: () => void
}

function Actions({ failure, traceback, retry }: ActionsProps): JSX.Element {
  return (
    <>
      <a class="button" href={to('jobs', { fingerprint: failure.fingerprint })}>
        Show in Jobs
      </a>
      <Button onPress={() => copy(textOf(failure, traceback))}>
        <Icon name="copy" /> Copy as text
      </Button>
      <Button kind="primary" disabled={whyNot('retry')} onPress={retry}>
        Retry the group
      </Button>
    </>
  )
}

function About({ failure }: { failure: FailureDocument }): JSX.Element {
  const { task, message, count: times, firstAt, lastAt, regressedAt, lastJob } = failure
  return (
    <>
      <OutsideBlock text={message} label="Message" />
      <Facts
        of={[
          ['Task', <Outside text={task} />],
          ['Count', count(times)],
          ['First seen', <Moment at={firstAt} />],
          ['Last seen', <Moment at={lastAt} />],
          ['Came again', regressedAt && <Regressed at={regressedAt} />],
          [
            'Last job',
            <a href={to(['jobs', lastJob])}>
              <Outside text={lastJob} />
            </a>,
          ],
        ]}
      />
    </>
  )
}

/** For a message or an issue. */
function textOf(
  { task, type, message, count: times, ...more }: FailureDocument,
  traceback: string | undefined,
): string {
  const lines = [
    `${type}: ${message}`,
    `Task: ${task}`,
    `Count: ${times}`,
    `First seen: ${more.firstAt}`,
    `Last seen: ${more.lastAt}`,
    ...(more.regressedAt === undefined ? [] : [`Came again: ${more.regressedAt}`]),
    `Last job: ${more.lastJob}`,
    `Fingerprint: ${more.fingerprint}`,
  ]
  return `${lines.join('\n')}\n${traceback === undefined ? '' : `\n${traceback}\n`}`
}
