import type { CommandWords } from './commandTree.ts'
import { choiceCases, pathCases, quoted } from './shellText.ts'

/**
 * For bash from 3.2 on, without the package bash-completion. Where it knows no word, bash completes names of files.
 */
export function bashScript(commands: readonly CommandWords[]): string {
  const choices = choiceCases(commands, (words) => `words=${quoted(words === 'file' ? '' : words.join(' '))}`)
  const words = commands.map(({ path, commands: inner, options, argument }) => {
    const flags = options.flatMap((option) => option.flags).join(' ')
    const names = [...inner.map(({ name }) => name), ...(Array.isArray(argument) ? argument : [])].join(' ')
    return `    ${quoted(path.join(' '))}) flags=${quoted(flags)} names=${quoted(names)} ;;`
  })
  return `# bash completion of celeriac: source it, as in \`source <(celeriac completion bash)\`
_celeriac() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command='' at flags names words
  # bash takes --pool=threads for three words.
  if [ "$word" = '=' ]; then
    word=''
  elif [ "$before" = '=' ]; then
    before="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "$command \${COMP_WORDS[at]}" in
${pathCases(commands, (path) => `command=${quoted(path)}`)}
    esac
  done
  COMPREPLY=()
  case "$command" in
${words.join('\n')}
  esac
  case "$command $before" in
${choices}
    *)
      words="$names"
      case "$word" in -*) words="$flags" ;; esac
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _celeriac celeriac
`
}
