import type { JSX } from 'preact'
import { Json } from './json.tsx'

/** JSON below its name. */
export function TitledJson({ label, value }: { label: string; value: unknown }): JSX.Element {
  return (
    <div>
      <h3>{label}</h3>
      <Json label={label} value={value} />
    </div>
  )
}
