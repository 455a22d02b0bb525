import { BaseEdge, type Edge, type EdgeProps, getBezierPath, Position } from '@xyflow/react'
import { NODE_SIZE, type Place } from './layout.ts'

/** An edge that passes a column of nodes where the layout has left room for it, with its label there. */
export type LaneEdgeType = Edge<{ readonly lane: Place }, 'lane'>

export function LaneEdge({ sourceX, sourceY, targetX, targetY, data, label, style }: EdgeProps<LaneEdgeType>) {
  if (!data) return null
  const { x, y } = data.lane
  const half = NODE_SIZE.network.width / 2
  const sides = { sourcePosition: Position.Right, targetPosition: Position.Left }
  const [there] = getBezierPath({ ...sides, sourceX, sourceY, targetX: x - half, targetY: y })
  const [on] = getBezierPath({ ...sides, sourceX: x + half, sourceY: y, targetX, targetY })
  // The second goes on where the first has ended: a line in place of its beginning.
  const path = `${there} ${on.replace(/^M/, 'L')}`
  return <BaseEdge path={path} label={label} labelX={x} labelY={y} {...(style ? { style } : {})} />
}
