import type { ScheduleDocument } from '../../../protocol/scheduleDocument.ts'
import { client } from '../../api/client.ts'
import { go, to } from '../../app/location.ts'
import { confirm } from '../../parts/ask/confirm.tsx'
import { Outside, visible } from '../../parts/text/outside.tsx'
import { notify } from '../../parts/toasts.tsx'

export async function pauseOrResume({ name, paused }: ScheduleDocument): Promise<void> {
  await (paused ? client.schedules.resume(name) : client.schedules.pause(name))
  notify(paused ? `${visible(name)} goes on` : `${visible(name)} is paused`)
}

/** Send its task now, apart from its times, and show the job. */
export async function runNow({ name }: ScheduleDocument): Promise<string> {
  const { id } = await client.schedules.run(name)
  notify(`${visible(name)} is sent now, as job ${id}`)
  return id
}

/** Why the entry cannot be removed. */
export function whyNotRemoved({ source }: ScheduleDocument): string | undefined {
  return source === 'code'
    ? 'The code of the app defines it, and the next beat would add it again: pause it, or take it out of the code'
    : undefined
}

/** Remove it for good; only after the user has typed its name. */
export async function remove({ name, version }: ScheduleDocument): Promise<void> {
  const isSure = await confirm({
    title: 'Remove the schedule',
    text: (
      <p>
        <Outside text={name} /> is removed for good. Jobs that it has sent stay.
      </p>
    ),
    action: 'Remove it',
    typed: name,
  })
  if (!isSure) return
  await client.schedules.remove(name, { version })
  notify(`${visible(name)} is removed`)
  go(to('schedules'))
}
