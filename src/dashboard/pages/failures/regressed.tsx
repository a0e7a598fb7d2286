import type { JSX } from 'preact'
import { dateTime } from '../../parts/text/format.ts'
import { Ago } from '../../parts/text/time.tsx'

/** The failures came again after their task had gone well for an hour or more. Nothing where they have not. */
export function Regressed({ at }: { at: string | undefined }): JSX.Element | null {
  if (at === undefined) return null
  const title = `It came again at ${dateTime(at)}, after its task had gone well for an hour or more`
  return (
    <span class="badge warn" title={title}>
      Regressed <Ago at={at} />
    </span>
  )
}
