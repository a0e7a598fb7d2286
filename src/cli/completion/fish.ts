import type { Choices, CommandWords, OptionWords } from './commandTree.ts'

/** For fish from 3.0 on, with what each word is for: in a file `celeriac.fish` of its folder `completions`. */
export function fishScript(commands: readonly CommandWords[]): string {
  const paths = commands
    .filter(({ path }) => path.length > 0)
    .map(({ path }) => quoted(`${path.slice(0, -1).join(' ')} ${path.at(-1)}`))
  return `# fish completion of celeriac
function __celeriac_at
    set -l so_far ''
    set -l given (commandline -opc)
    for word in $given[2..-1]
        switch "$so_far $word"
            case ${paths.join(' ')}
                set so_far (string trim -- "$so_far $word")
        end
    end
    test "$so_far" = "$argv"
end
complete -c celeriac -f
${commands.flatMap(linesOf).join('\n')}
`
}

function linesOf({ path, commands, options, argument }: CommandWords): string[] {
  const start = `complete -c celeriac -n ${quoted(['__celeriac_at', ...path].join(' '))}`
  return [
    ...commands.map(({ name, summary }) => `${start} -a ${name} -d ${quoted(summary)}`),
    ...(argument === undefined ? [] : [`${start} ${valuesText(argument)}`]),
    ...options.map((option) => `${start} ${optionText(option)}`),
  ]
}

function optionText({ flags, takes, choices, summary }: OptionWords): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`))
  // -x: a value, and no file.
  const required = takes === 'value' ? [choices === 'file' ? '-r' : '-x'] : []
  const values = takes === 'nothing' || choices === undefined ? [] : [valuesText(choices)]
  return [...names, ...required, ...values, '-d', quoted(summary)].join(' ')
}

function valuesText(choices: NonNullable<Choices>): string {
  return choices === 'file' ? '-F' : `-a ${quoted(choices.join(' '))}`
}

/** Text as one word of fish. */
function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}
