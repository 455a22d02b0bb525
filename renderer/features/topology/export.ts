import { getNodesBounds, getViewportForBounds, type Node } from '@xyflow/react'
import { toPng, toSvg } from 'html-to-image'
import { useTopology } from '../../state/topology.ts'

const MARGIN = 40
const MOST_PIXELS = 8000
/** Nodes that come into being are measured, then edges are drawn to them, then labels are placed on those. */
const FRAMES_TO_DRAW = 4

/** Saves the whole picture, not only what is on the screen, as a file of its own. */
export async function savePicture(nodes: readonly Node[], format: 'png' | 'svg'): Promise<void> {
  const { setWhole } = useTopology.getState()
  setWhole(true)
  try {
    for (let frame = 0; frame < FRAMES_TO_DRAW; frame += 1) await new Promise(requestAnimationFrame)
    await save(nodes, format)
  } finally {
    setWhole(false)
  }
}

async function save(nodes: readonly Node[], format: 'png' | 'svg'): Promise<void> {
  const viewport = document.querySelector<HTMLElement>('.react-flow__viewport')
  if (!viewport || nodes.length === 0) return
  const bounds = getNodesBounds([...nodes])
  const width = Math.min(MOST_PIXELS, Math.ceil(bounds.width) + 2 * MARGIN)
  const height = Math.min(MOST_PIXELS, Math.ceil(bounds.height) + 2 * MARGIN)
  const { x, y, zoom } = getViewportForBounds(bounds, width, height, 0.05, 1, 0.02)
  const draw = format === 'png' ? toPng : toSvg
  const url = await draw(viewport, {
    width,
    height,
    backgroundColor: getComputedStyle(document.documentElement).getPropertyValue('background-color') || 'white',
    style: { width: `${width}px`, height: `${height}px`, transform: `translate(${x}px, ${y}px) scale(${zoom})` },
    skipFonts: true,
  })
  const link = document.createElement('a')
  link.download = `topology.${format}`
  link.href = url
  link.click()
}
