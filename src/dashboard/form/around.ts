import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { type Path, pointerOf } from './model/json.ts'
import type { Schemas } from './model/schemas.ts'

/** What all fields of a form share. */
export interface Around {
  readonly schemas: Schemas
  /** Of the form; ids of its elements begin with it. */
  readonly id: string
  /** What is wrong there, as far as it is shown now. */
  readonly wrongAt: (path: Path) => string | undefined
  /** The user has changed what is there: its problems are shown, those of the server are over. */
  readonly touch: (path: Path) => void
  /** For screen readers: what has changed, where the eye sees it. */
  readonly announce: (text: string) => void
}

export const AroundContext = createContext<Around | undefined>(undefined)

export function useAround(): Around {
  const around = useContext(AroundContext)
  if (!around) throw new Error('expected a field within a form')
  return around
}

/** The id of the control of a field. */
export function controlId({ id }: Around, path: Path): string {
  return `${id}${pointerOf(path)}`
}
