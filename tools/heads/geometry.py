"""Small pieces of geometry that every part needs. Lengths are metres, meshes are numpy arrays.

Conventions of the whole maker: x to the head's left, y to the back, z up (so the face looks
towards -y); vertices are float64 [V, 3], faces int [F, 3] or [F, 4].
"""

import numpy as np
import scipy.sparse as sparse


def normalise(vectors: np.ndarray) -> np.ndarray:
    """Vectors [..., 3] scaled to length 1 (zero vectors stay zero)."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def smoothstep(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, a smooth cubic between."""
    t = np.clip((np.asarray(x) - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def triangulate(faces: np.ndarray) -> np.ndarray:
    """Quads [F, 4] -> triangles [2F, 3] (first halves, then second halves); triangles pass."""
    if faces.shape[1] == 3:
        return faces
    return np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals at the vertices [V, 3]."""
    triangles = triangulate(faces)
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    face_normals = np.cross(b - a, c - a)
    count = len(vertices)
    normals = np.stack([sum(np.bincount(triangles[:, k], face_normals[:, axis], minlength=count)
                            for k in range(3)) for axis in range(3)], axis=1)
    return normalise(normals)


def catmull_clark(quads: np.ndarray, vertex_count: int):
    """One Catmull-Clark step as a matrix.

    Returns a sparse matrix M [new, vertex_count] with new_vertices = M @ vertices, and the new
    quads. The matrix depends on connectivity only: it is built once and applied to every head.
    """
    face_count = len(quads)
    half_edges = np.stack([quads, np.roll(quads, -1, axis=1)], -1).reshape(-1, 2)
    edges, edge_of, uses = np.unique(np.sort(half_edges, 1), axis=0, return_inverse=True,
                                     return_counts=True)
    edge_of = edge_of.reshape(-1)
    edge_count = len(edges)

    def matrix(values, rows, columns, shape):
        return sparse.csr_matrix((values, (rows, columns)), shape)

    face_points = matrix(np.full(face_count * 4, 0.25), np.repeat(np.arange(face_count), 4),
                         quads.reshape(-1), (face_count, vertex_count))
    midpoints = matrix(np.full(edge_count * 2, 0.5), np.repeat(np.arange(edge_count), 2),
                       edges.reshape(-1), (edge_count, vertex_count))
    edge_faces = matrix(np.ones(face_count * 4), edge_of, np.repeat(np.arange(face_count), 4),
                        (edge_count, face_count))
    interior = uses == 2
    edge_points = (sparse.diags(np.where(interior, 0.5, 1.0)) @ midpoints
                   + sparse.diags(np.where(interior, 0.25, 0.0)) @ edge_faces @ face_points)

    vertex_faces = matrix(np.ones(face_count * 4), quads.reshape(-1),
                          np.repeat(np.arange(face_count), 4), (vertex_count, face_count))
    vertex_edges = matrix(np.ones(edge_count * 2), edges.reshape(-1),
                          np.repeat(np.arange(edge_count), 2), (vertex_count, edge_count))
    valence = np.asarray(vertex_faces.sum(1)).ravel()
    edge_valence = np.asarray(vertex_edges.sum(1)).ravel()
    on_border = np.zeros(vertex_count, bool)
    on_border[edges[~interior].ravel()] = True
    inside = ~on_border & (valence > 0)
    n = np.maximum(valence, 1)
    border_edges = vertex_edges @ sparse.diags((~interior).astype(float))
    border_count = np.asarray(border_edges.sum(1)).ravel()
    moved = (sparse.diags(np.where(inside, 1 / n**2, 0)) @ vertex_faces @ face_points
             + sparse.diags(np.where(inside, 2 / n / np.maximum(edge_valence, 1), 0)) @ vertex_edges @ midpoints
             + sparse.diags(np.where(inside, (n - 3) / n, 0))
             + sparse.diags(np.where(on_border, 0.5 / np.maximum(border_count, 1), 0)) @ border_edges @ midpoints
             + sparse.diags(np.where(on_border, 0.5, 0))
             + sparse.diags(np.where(valence == 0, 1.0, 0)))
    new_edge = vertex_count + edge_of.reshape(-1, 4)
    new_face = vertex_count + edge_count + np.arange(face_count)
    corners = [np.stack([quads[:, i], new_edge[:, i], new_face, new_edge[:, (i - 1) % 4]], 1)
               for i in range(4)]
    return sparse.vstack([moved, edge_points, face_points]).tocsr(), np.stack(corners, 1).reshape(-1, 4)


def clip_mesh(vertices: np.ndarray, faces: np.ndarray, height: np.ndarray, attributes=()):
    """Keep the part of a mesh where `height` [V] is negative, cut exactly along height = 0.

    Triangles that the contour crosses are split, so that borders (necklines, hat rims) are
    clean lines instead of the jagged edge of whole faces. Per-vertex `attributes` are
    interpolated. Returns vertices, triangles, attributes, and the cut as segments [S, 2].
    """
    triangles = triangulate(faces)
    inside = height < 0
    count = inside[triangles].sum(1)
    kept = [triangles[count == 3]]
    segments = []
    values = np.concatenate([vertices, height[:, None], *[np.reshape(a, (len(vertices), -1)) for a in attributes]], 1)
    crossing_edges, new_values = {}, []

    def cut(i, j):
        key = (i, j) if i < j else (j, i)
        if key not in crossing_edges:
            t = height[i] / (height[i] - height[j])
            crossing_edges[key] = len(vertices) + len(new_values)
            new_values.append(values[i] * (1 - t) + values[j] * t)
        return crossing_edges[key]

    extra = []
    for triangle in triangles[(count == 1) | (count == 2)]:
        flags = inside[triangle]
        lone = int(np.flatnonzero(flags if flags.sum() == 1 else ~flags)[0])
        a, b, c = (int(triangle[(lone + k) % 3]) for k in range(3))
        ab, ac = cut(a, b), cut(a, c)
        if flags.sum() == 1:
            extra.append((a, ab, ac))
        else:
            extra += [(ab, b, c), (ab, c, ac)]
        segments.append((ab, ac))
    if new_values:
        values = np.concatenate([values, np.array(new_values)])
    if extra:
        kept.append(np.array(extra))
    result = np.concatenate(kept)
    used, compact = np.unique(result, return_inverse=True)
    renumber = -np.ones(len(values), int)
    renumber[used] = np.arange(len(used))
    values = values[used]
    columns, out = 4, []
    for a in attributes:
        width = int(np.prod(np.shape(a)[1:], dtype=int))
        out.append(values[:, columns:columns + width].reshape((len(values),) + np.shape(a)[1:]))
        columns += width
    return (values[:, :3], compact.reshape(-1, 3), out,
            renumber[np.array(segments, int).reshape(-1, 2)])


def grid_faces(rows: int, columns: int, wrap: bool) -> np.ndarray:
    """Quads of a rows x columns grid of vertices; `wrap` closes the columns into a ring."""
    i = np.arange(rows - 1)[:, None] * columns
    j = np.arange(columns if wrap else columns - 1)[None]
    k = (j + 1) % columns
    return np.stack([i + j, i + k, i + columns + k, i + columns + j], -1).reshape(-1, 4)


def sphere(around: int, along: int):
    """Unit sphere with its pole towards -y: vertices, quads, polar angle, azimuth (radians)."""
    polar = np.linspace(0, np.pi, along)[:, None]
    azimuth = np.linspace(0, 2 * np.pi, around, endpoint=False)[None]
    vertices = np.stack([np.sin(polar) * np.cos(azimuth), -np.cos(polar) + 0 * azimuth,
                         np.sin(polar) * np.sin(azimuth)], -1).reshape(-1, 3)
    return (vertices, grid_faces(along, around, wrap=True),
            np.repeat(polar[:, 0], around), np.tile(azimuth[0], along))


def fit_sphere(points: np.ndarray):
    """Least-squares sphere through points [N, 3]: centre [3] and radius."""
    system = np.c_[2 * points, np.ones(len(points))]
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    centre = solution[:3]
    return centre, float(np.sqrt(solution[3] + (centre**2).sum()))
