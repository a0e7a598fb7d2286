import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { AuditOptions } from '../../../client/fleet/audit.ts'
import { problemOf } from '../../../client/problem.ts'
import { queryOf } from '../../../client/query.ts'
import type { AuditEntryDocument } from '../../../protocol/auditDocument.ts'
import { authorizedFetch, client } from '../../api/client.ts'
import { place } from '../../api/place.ts'
import { useResource } from '../../api/resource.ts'
import { here, setQuery } from '../../app/location.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Text } from '../../parts/ask/fields.tsx'
import { Shown } from '../../parts/page.tsx'
import { download } from '../../parts/text/download.ts'
import { counted } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { Scrolled } from '../../parts/text/scrolled.tsx'
import { Moment } from '../../parts/text/time.tsx'

type Filter = Pick<AuditOptions, 'who' | 'action' | 'since'>

/** Who changed what, or was refused. */
export function Audit(): JSX.Element {
  const { query } = here.value
  const since = query.get('since') ?? ''
  const isWrong = since !== '' && Number.isNaN(Date.parse(since))
  const filter: Filter = {
    who: query.get('who') || undefined,
    action: query.get('action') || undefined,
    since: since === '' || isWrong ? undefined : new Date(since),
  }
  const log = useResource((signal) => client.audit({ ...filter, signal }), [JSON.stringify(filter)])
  const addOlder = async (cursor: string): Promise<void> => {
    const older = await client.audit({ ...filter, cursor })
    log.update(({ entries }) => ({ ...older, entries: [...entries, ...older.entries] }))
  }
  return (
    <section class="card">
      <div class="row card-head">
        <h2>Audit log</h2>
        <Button onPress={() => saveCsv(filter)}>Download CSV</Button>
      </div>
      {isWrong && (
        <p class="notice">
          The URL has a wrong time, so all times are listed: expected one as 2026-11-30T12:00, got{' '}
          <Outside text={since} length={80} />
        </p>
      )}
      <FilterForm who={filter.who} action={filter.action} since={since} />
      <Shown of={log}>
        {({ entries, cursor }) => (
          <>
            {entries.length === 0 ? (
              <p class="quiet">No change, and no refused one, fits.</p>
            ) : (
              <Entries entries={entries} />
            )}
            {cursor !== undefined && <Button onPress={() => addOlder(cursor)}>Show older entries</Button>}
          </>
        )}
      </Shown>
    </section>
  )
}

interface FilterTexts {
  readonly who: string | undefined
  readonly action: string | undefined
  readonly since: string
}

/** It is applied when the user leaves a field, or presses Enter. */
function FilterForm(given: FilterTexts): JSX.Element {
  const [texts, setTexts] = useState({ who: given.who ?? '', action: given.action ?? '', since: given.since })
  const change = (more: Partial<typeof texts>): void => setTexts({ ...texts, ...more })
  const apply = (): void => setQuery({ who: texts.who.trim(), action: texts.action.trim(), since: texts.since })
  return (
    <form class="row audit-filter">
      <Text label="Who" value={texts.who} change={(who) => change({ who })} />
      <Text label="Action" placeholder="queue.purge" value={texts.action} change={(action) => change({ action })} />
      <Text label="Since" type="datetime-local" value={texts.since} change={(since) => change({ since })} />
      <Button submit onPress={apply}>
        Apply
      </Button>
    </form>
  )
}

function Entries({ entries }: { entries: readonly AuditEntryDocument[] }): JSX.Element {
  return (
    <>
      <Scrolled class="scroll" label="Entries of the audit log">
        <table class="health">
          <thead>
            <tr>
              <th>When</th>
              <th>Who</th>
              <th>Action</th>
              <th>Target</th>
              <th class="right">Answer</th>
              <th>Details</th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry, at) => (
              // Entries have no ids, and are only added at the end.
              <Entry key={at} entry={entry} />
            ))}
          </tbody>
        </table>
      </Scrolled>
      <p class="quiet">{counted(entries.length, 'entry', 'entries')} shown</p>
    </>
  )
}

function Entry({
  entry: { at, who, address, action, target, status, details },
}: {
  entry: AuditEntryDocument
}): JSX.Element {
  return (
    <tr>
      <td class="when">
        <Moment at={at} />
      </td>
      <td>
        <Outside text={who} length={80} />
        {address !== undefined && (
          <div class="quiet">
            <Outside text={address} length={60} />
          </div>
        )}
      </td>
      <td>
        <code>
          <Outside text={action} length={80} />
        </code>
      </td>
      <td>
        <Outside text={target} />
      </td>
      <td class="right">{status < 400 ? status : `${status} refused`}</td>
      <td class="quiet">{details && <Outside text={JSON.stringify(details)} />}</td>
    </tr>
  )
}

/** All entries that fit, as a file. */
async function saveCsv(filter: Filter): Promise<void> {
  const url = `${place.url}${place.base}/audit${queryOf(filter)}`
  const response = await authorizedFetch(url, { headers: { accept: 'text/csv' } })
  if (!response.ok) throw await problemOf(response)
  download('audit.csv', 'text/csv', [await response.blob()])
}
