import type { Choices, CommandWords } from './commandTree.ts'

/** Text as one word of bash or zsh. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/**
 * Branches of a `case` over the command so far and the next word, for bash and zsh: what each command that is found
 * does.
 */
export function pathCases(commands: readonly CommandWords[], then: (path: string) => string): string {
  return commands
    .filter(({ path }) => path.length > 0)
    .map(({ path }) => {
      const before = path.slice(0, -1).join(' ')
      return `      ${quoted(`${before} ${path.at(-1)}`)}) ${then(path.join(' '))} ;;`
    })
    .join('\n')
}

/** Branches of a `case` over the command and the option before a value, for options that say what they take. */
export function choiceCases(
  commands: readonly CommandWords[],
  then: (choices: NonNullable<Choices>) => string,
): string {
  const lines = commands.flatMap(({ path, options }) =>
    options.flatMap(({ flags, takes, choices }) => {
      if (takes !== 'value' || choices === undefined) return []
      const patterns = flags.map((flag) => quoted(`${path.join(' ')} ${flag}`))
      return [`    ${patterns.join(' | ')}) ${then(choices)} ;;`]
    }),
  )
  return lines.join('\n')
}
