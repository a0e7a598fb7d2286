import { readFileSync } from 'node:fs'

/** A line of a Dockerfile: `COPY`, `a b`. */
export interface Instruction {
  readonly name: string
  readonly text: string
}

/** From one FROM to the next. */
export interface Stage {
  /** As FROM says it, with the values of ARGs filled in. */
  readonly image: string
  readonly name: string | undefined
  readonly instructions: readonly Instruction[]
}

/** Reads a Dockerfile; what Docker would refuse, or we do not know, is an Error. */
export function readDockerfile(path: string): Stage[] {
  const defaults = new Map<string, string>()
  const stages: { image: string; name: string | undefined; instructions: Instruction[] }[] = []
  for (const { name, text } of instructionsOf(readFileSync(path, 'utf8'))) {
    const current = stages.at(-1)
    if (name === 'FROM') {
      const [, image = '', stage] = /^(\S+)(?: AS (\S+))?$/.exec(text) ?? []
      if (!image) throw new Error(`expected FROM image [AS name], got FROM ${text}`)
      stages.push({ image: fill(image, defaults), name: stage, instructions: [] })
    } else if (current) current.instructions.push({ name, text })
    else if (name === 'ARG') defaults.set(...assignment(text))
    else throw new Error(`expected FROM or ARG first, got ${name}`)
  }
  return stages
}

function instructionsOf(file: string): Instruction[] {
  const lines = file
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name, text] = /^([A-Z]+) (.+)$/.exec(line) ?? []
      if (!name || !text) throw new Error(`expected an instruction, got ${line}`)
      return { name, text: text.trim() }
    })
}

/** `NAME=value`. */
export function assignment(text: string): [name: string, value: string] {
  const [, name = '', value = ''] = /^(\w+)=(\S*)$/.exec(text) ?? []
  if (!name) throw new Error(`expected NAME=value, got ${text}`)
  return [name, value]
}

/** `$NAME` and `${NAME}`, where they are known. */
export function fill(text: string, values: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$\{?(\w+)\}?/g, (whole, name) => values.get(name) ?? whole)
}

/** The words of an instruction in its exec form, as `CMD ["a", "b"]`. */
export function words(text: string): string[] {
  const list: unknown = JSON.parse(text)
  if (Array.isArray(list) && list.every((word) => typeof word === 'string')) return list
  throw new Error(`expected a JSON array of texts, got ${text}`)
}
