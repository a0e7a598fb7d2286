import type { CommandWords } from './commandTree.ts'
import { choiceCases, pathCases, quoted } from './shellText.ts'

/** For zsh, with what each word is for: in a file `_celeriac` of `fpath`, or sourced after `compinit`. */
export function zshScript(commands: readonly CommandWords[]): string {
  const words = commands.map(({ path, commands: inner, options, argument }) => {
    const flags = options.flatMap((option) => option.flags.map((flag) => described(flag, option.summary)))
    const names = inner.map(({ name, summary }) => described(name, summary))
    const choices = Array.isArray(argument) ? argument.map(quoted) : []
    const files = argument === 'file' ? 'files=1' : ''
    return `    ${quoted(path.join(' '))})
      flags=(${flags.join(' ')})
      names=(${[...names, ...choices].join(' ')})
      ${files}
      ;;`
  })
  const choices = choiceCases(commands, (all) =>
    all === 'file' ? '_files; return' : `compadd -- ${all.map(quoted).join(' ')}; return`,
  )
  return `#compdef celeriac
# zsh completion of celeriac
_celeriac() {
  local before="\${words[CURRENT-1]}" so_far='' files=''
  local -i at
  local -a flags names
  if [[ "$PREFIX" == --*=* ]]; then
    before="\${PREFIX%%=*}"
    compset -P '*='
  fi
  for ((at = 2; at < CURRENT; at++)); do
    case "$so_far \${words[at]}" in
${pathCases(commands, (path) => `so_far=${quoted(path)}`)}
    esac
  done
  case "$so_far $before" in
${choices}
  esac
  case "$so_far" in
${words.join('\n')}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    _describe -o option flags
  elif (( \${#names} )); then
    _describe command names
  elif [[ -n "$files" ]]; then
    _files
  fi
}
if [[ "\${funcstack[1]}" == _celeriac ]]; then
  _celeriac "$@"
else
  compdef _celeriac celeriac
fi
`
}

/** A word with its summary; a colon separates the two. */
function described(word: string, summary: string): string {
  return quoted(`${word.replaceAll(':', '\\:')}:${summary}`)
}
