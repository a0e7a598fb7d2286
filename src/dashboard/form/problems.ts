import { useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Around } from './around.ts'
import { type Path, pointerOf, stepsOf } from './model/json.ts'
import type { Issue, Reading } from './model/read.ts'
import type { Schemas } from './model/schemas.ts'

/** What a page does with a form. */
export interface FormHandle {
  /** Show all that is wrong, with the focus on the first. True: nothing is. */
  check(): boolean
  /** Show what the server found wrong, as it names it: `#/tags/0`. */
  refuse(errors: readonly ServerError[]): void
}

export interface ServerError {
  readonly pointer: string
  readonly detail: string
}

/** What is wrong in a form: its own findings where the user has been, and those of the server until they change. */
export function useProblems(
  schemas: Schemas,
  { issues }: Reading,
): { around: Around; summary: readonly Issue[]; announced: string; handle: FormHandle } {
  const id = useId()
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set())
  const [isAsked, setAsked] = useState(false)
  const [refused, setRefused] = useState<readonly Issue[]>([])
  const [announced, announce] = useState('')
  const local = useMemo(() => messagesOf(issues), [issues])
  const focus = useFirstFocus(id)
  const foreign = messagesOf(refused)
  const touch = (path: Path): void => {
    const pointer = pointerOf(path)
    setTouched((all) => new Set([...all, pointer]))
    setRefused((all) => all.filter((one) => !isRelated(pointerOf(one.path), pointer)))
  }
  const around: Around = {
    schemas,
    id,
    touch,
    announce,
    wrongAt: (path) => {
      const pointer = pointerOf(path)
      return foreign.get(pointer) ?? (isAsked || touched.has(pointer) ? local.get(pointer) : undefined)
    },
  }
  const handle: FormHandle = {
    check: () => {
      setAsked(issues.length > 0)
      if (issues.length > 0) focus(issues)
      return issues.length === 0
    },
    refuse: (errors) => {
      const all = errors.map(({ pointer, detail }) => ({ path: stepsOf(pointer), message: detail }))
      setRefused(all)
      focus(all)
    },
  }
  return { around, summary: [...refused, ...(isAsked ? issues : [])], announced, handle }
}

function messagesOf(issues: readonly Issue[]): ReadonlyMap<string, string> {
  const messages = new Map<string, string>()
  for (const { path, message } of issues) {
    const pointer = pointerOf(path)
    const before = messages.get(pointer)
    messages.set(pointer, before === undefined ? message : `${before}; ${message}`)
  }
  return messages
}

/** One is the other, or is in it. */
function isRelated(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`)
}

/** Puts the focus on the first field of some, when they are drawn. */
function useFirstFocus(id: string): (issues: readonly Issue[]) => void {
  const wanted = useRef<readonly Issue[]>(undefined)
  const [, draw] = useState(0)
  useLayoutEffect(() => {
    const issues = wanted.current
    wanted.current = undefined
    const places = (issues ?? []).map(({ path }) => placeOf(id, path)).filter((place) => place !== undefined)
    const [first] = places.toSorted((a, b) =>
      a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1,
    )
    first?.focus()
  })
  return (issues) => {
    wanted.current = issues
    draw((count) => count + 1)
  }
}

/** The control there, or what is nearest around it. */
export function placeOf(id: string, path: Path): HTMLElement | undefined {
  for (let length = path.length; length >= 0; length--) {
    const found = document.getElementById(`${id}${pointerOf(path.slice(0, length))}`)
    if (found) return found
  }
  return undefined
}
