import { render } from 'preact'
import { App } from './app/app.tsx'
import { openSession } from './app/session.ts'
import { applyTheme } from './app/theme.ts'
import './style/index.css'

applyTheme()
void openSession()
render(<App />, document.getElementById('app') as HTMLElement)
