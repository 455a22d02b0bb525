import { createTheme, type MantineColorSchemeManager, type MantineColorsTuple } from '@mantine/core'

// One accent, the blue-green of deep water; Mantine's own cyan is too bright beside small text.
const harbour: MantineColorsTuple = [
  '#e6f7f7',
  '#d3ebeb',
  '#a8d6d7',
  '#79c0c2',
  '#53aeb0',
  '#3aa2a5',
  '#2a9ca0',
  '#18888b',
  '#05777a',
  '#00676a',
]
// Neutral greys with the least hint of blue, so that the dark theme is quiet and its borders can be seen.
const dark: MantineColorsTuple = [
  '#d5dadd',
  '#b3bbc0',
  '#8f999f',
  '#6b757b',
  '#3a4349',
  '#2b3237',
  '#1f2529',
  '#171c1f',
  '#111518',
  '#0b0e10',
]

/** The app itself says what the system prefers, and keeps what was chosen: menus and dialogs outside of the window follow it too. */
export const colorSchemeOfDesktop: MantineColorSchemeManager = {
  get: () => 'auto',
  set: () => {},
  subscribe: () => {},
  unsubscribe: () => {},
  clear: () => {},
}

/** Slipway's look: one accent, neutral greys, small radii, 13 px text. */
export const theme = createTheme({
  primaryColor: 'harbour',
  primaryShade: { light: 8, dark: 8 },
  colors: { harbour, dark },
  defaultRadius: 4,
  fontFamily: 'Inter, "Noto Sans", "Noto Sans CJK KR", "DejaVu Sans", system-ui, sans-serif',
  fontFamilyMonospace: '"JetBrains Mono", "DejaVu Sans Mono", "Noto Sans Mono CJK KR", monospace',
  fontSizes: { xs: '11px', sm: '12.5px', md: '13.5px', lg: '15px', xl: '18px' },
  respectReducedMotion: true,
  components: {
    Button: { defaultProps: { size: 'xs' } },
    TextInput: { defaultProps: { size: 'xs' } },
    NumberInput: { defaultProps: { size: 'xs' } },
    Select: { defaultProps: { size: 'xs' } },
    Checkbox: { defaultProps: { size: 'xs' } },
    SegmentedControl: { defaultProps: { size: 'xs' } },
    // A page has one banner: the head of a dialog is none.
    Modal: {
      defaultProps: {
        transitionProps: { duration: 100 },
        radius: 6,
        attributes: { header: { role: 'presentation' } },
      },
    },
    Menu: { defaultProps: { transitionProps: { duration: 60 }, shadow: 'md' } },
    Tooltip: { defaultProps: { openDelay: 400, transitionProps: { duration: 60 }, fz: 'xs' } },
  },
})
