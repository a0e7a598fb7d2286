import { render } from 'preact'
import { applyTheme } from '../app/theme.ts'
import { Docs } from './docs.tsx'

applyTheme()
render(<Docs />, document.getElementById('app') as HTMLElement)
