/* geohash: see geohash.h. The order of each computation is Redis's, since its roundings are to be the same. */
#include "geohash.h"

#include <math.h>

#define GEO_LONGITUDE_MAX 180.0
#define GEO_LATITUDE_MAX 85.05112878
#define GEO_EARTH_RADIUS 6372797.560856   /* metres, the quadratic mean */
#define GEO_MERCATOR_MAX 20037726.37      /* metres from the middle of the map to its edge */
#define GEO_RADIAN (3.14159265358979323846 / 180.0)

static double geo_radians(double degrees) { return degrees * GEO_RADIAN; }
static double geo_degrees(double radians) { return radians / GEO_RADIAN; }

bool geo_on_map(geo_place at) {
  return at.longitude >= -GEO_LONGITUDE_MAX && at.longitude <= GEO_LONGITUDE_MAX && at.latitude >= -GEO_LATITUDE_MAX &&
         at.latitude <= GEO_LATITUDE_MAX;
}

/* ---- Cells ------------------------------------------------------------------------------------- */

typedef struct geo_cell {
  uint32_t x, y;
  uint32_t step;
} geo_cell;

/* The bits of n, a zero before each. */
static uint64_t geo_bits_apart(uint32_t n) {
  uint64_t bits = n;
  bits = (bits | bits << 16) & UINT64_C(0x0000ffff0000ffff);
  bits = (bits | bits << 8) & UINT64_C(0x00ff00ff00ff00ff);
  bits = (bits | bits << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
  bits = (bits | bits << 2) & UINT64_C(0x3333333333333333);
  return (bits | bits << 1) & UINT64_C(0x5555555555555555);
}

/* Every second of the bits. */
static uint32_t geo_bits_together(uint64_t bits) {
  bits &= UINT64_C(0x5555555555555555);
  bits = (bits | bits >> 1) & UINT64_C(0x3333333333333333);
  bits = (bits | bits >> 2) & UINT64_C(0x0f0f0f0f0f0f0f0f);
  bits = (bits | bits >> 4) & UINT64_C(0x00ff00ff00ff00ff);
  bits = (bits | bits >> 8) & UINT64_C(0x0000ffff0000ffff);
  return (uint32_t)(bits | bits >> 16);
}

static uint64_t geo_cell_bits(const geo_cell *cell) { return geo_bits_apart(cell->y) | geo_bits_apart(cell->x) << 1; }

/* Which of 2^step parts of the range from -most to most a coordinate lies in; at its end, the one behind the last. */
static uint32_t geo_part(double coordinate, double most, uint32_t step) {
  double share = (coordinate - -most) / (most - -most);
  share *= (double)(UINT64_C(1) << step);
  return (uint32_t)share;
}

/* Where such a part begins. */
static double geo_part_begin(uint32_t part, double most, uint32_t step) {
  return -most + (part * 1.0 / (double)(UINT64_C(1) << step)) * (most - -most);
}

static geo_cell geo_cell_at(geo_place at, double latitude_max, uint32_t step) {
  return (geo_cell){geo_part(at.longitude, GEO_LONGITUDE_MAX, step), geo_part(at.latitude, latitude_max, step), step};
}

typedef struct geo_bounds {
  double west, east, south, north;
} geo_bounds;

static geo_bounds geo_cell_bounds(const geo_cell *cell) {
  return (geo_bounds){geo_part_begin(cell->x, GEO_LONGITUDE_MAX, cell->step),
                      geo_part_begin(cell->x + 1, GEO_LONGITUDE_MAX, cell->step),
                      geo_part_begin(cell->y, GEO_LATITUDE_MAX, cell->step),
                      geo_part_begin(cell->y + 1, GEO_LATITUDE_MAX, cell->step)};
}

/* The cell beside; the map goes round in both directions. */
static geo_cell geo_cell_beside(geo_cell cell, int dx, int dy) {
  uint32_t mask = (uint32_t)((UINT64_C(1) << cell.step) - 1);
  if (dx != 0) cell.x = (cell.x + (uint32_t)dx) & mask;
  if (dy != 0) cell.y = (cell.y + (uint32_t)dy) & mask;
  return cell;
}

/* ---- Scores and text --------------------------------------------------------------------------- */

double geo_score(geo_place at) {
  geo_cell cell = geo_cell_at(at, GEO_LATITUDE_MAX, GEO_STEPS);
  return (double)geo_cell_bits(&cell);
}

/* As x86-64 converts a double, whatever it is. */
static uint64_t geo_score_bits(double score) {
  if (score >= 0x1p64) return 0;
  if (score >= 0) return (uint64_t)score;
  return score >= -0x1p63 ? (uint64_t)(int64_t)score : UINT64_C(1) << 63;
}

static double geo_clamped(double coordinate, double most) {
  return coordinate > most ? most : coordinate < -most ? -most : coordinate;
}

geo_place geo_of_score(double score) {
  uint64_t bits = geo_score_bits(score);
  geo_cell cell = {geo_bits_together(bits >> 1), geo_bits_together(bits), GEO_STEPS};
  geo_bounds b = geo_cell_bounds(&cell);
  return (geo_place){geo_clamped((b.west + b.east) / 2, GEO_LONGITUDE_MAX),
                     geo_clamped((b.south + b.north) / 2, GEO_LATITUDE_MAX)};
}

/* Five bits a letter; the last has none left. */
void geo_text(geo_place at, char text[GEO_TEXT]) {
  static const char letters[] = "0123456789bcdefghjkmnpqrstuvwxyz";
  geo_cell cell = geo_cell_at(at, 90, GEO_STEPS);
  uint64_t bits = geo_cell_bits(&cell);
  for (int i = 0; i < GEO_TEXT - 1; i++) text[i] = letters[bits >> (2 * GEO_STEPS - (i + 1) * 5) & 31];
  text[GEO_TEXT - 1] = letters[0];
}

/* ---- Distances --------------------------------------------------------------------------------- */

static double geo_distance_north(double a, double b) {
  return GEO_EARTH_RADIUS * fabs(geo_radians(b) - geo_radians(a));
}

/* The haversine formula. Rounding may not take it beyond half the way around. */
double geo_distance(geo_place a, geo_place b) {
  double v = sin((geo_radians(b.longitude) - geo_radians(a.longitude)) / 2);
  if (v == 0) return geo_distance_north(a.latitude, b.latitude);
  double south = geo_radians(a.latitude), north = geo_radians(b.latitude), u = sin((north - south) / 2);
  double h = u * u + cos(south) * cos(north) * v * v;
  return 2.0 * GEO_EARTH_RADIUS * asin(sqrt(h > 1 ? 1 : h));
}

/* A box is as wide everywhere as it is at the place that is asked about. */
bool geo_within(const geo_area *area, geo_place at, double *distance) {
  if (area->box) {
    geo_place across = {area->center.longitude, at.latitude};
    if (geo_distance_north(at.latitude, area->center.latitude) > area->height / 2) return false;
    if (geo_distance(at, across) > area->width / 2) return false;
  }
  *distance = geo_distance(area->center, at);
  return area->box || !(*distance > area->radius);
}

/* ---- Areas ------------------------------------------------------------------------------------- */

/* The step whose cells are about as large as the area, so that nine of them hold it; coarser where meridians are
 * near to one another. */
static uint32_t geo_step_of(double reach, double latitude) {
  if (reach == 0) return GEO_STEPS;
  int step = -1;
  for (; reach < GEO_MERCATOR_MAX; reach *= 2) step++;
  if (latitude > 66 || latitude < -66) step--;
  if (latitude > 80 || latitude < -80) step--;
  return step < 1 ? 1 : step > GEO_STEPS ? GEO_STEPS : (uint32_t)step;
}

/* A box of degrees around the area: as wide as at its edge that is nearer to a pole in the north, to the equator
 * in the south. */
static geo_bounds geo_area_bounds(const geo_area *area) {
  geo_place c = area->center;
  double height = area->box ? area->height / 2 : area->radius, width = area->box ? area->width / 2 : area->radius;
  double up = geo_degrees(height / GEO_EARTH_RADIUS), edge = c.latitude < 0 ? c.latitude - up : c.latitude + up;
  double across = geo_degrees(width / GEO_EARTH_RADIUS / cos(geo_radians(edge)));
  return (geo_bounds){c.longitude - across, c.longitude + across, c.latitude - up, c.latitude + up};
}

/* Whether the cells beside do not reach as far as the area does. */
static bool geo_too_fine(const geo_cell *cell, const geo_bounds *b) {
  geo_cell north = geo_cell_beside(*cell, 0, 1), south = geo_cell_beside(*cell, 0, -1);
  geo_cell east = geo_cell_beside(*cell, 1, 0), west = geo_cell_beside(*cell, -1, 0);
  return geo_cell_bounds(&north).north < b->north || geo_cell_bounds(&south).south > b->south ||
         geo_cell_bounds(&east).east < b->east || geo_cell_bounds(&west).west > b->west;
}

static void geo_cover_cell(geo_cover *cover, const geo_cell *cell) {
  uint32_t shift = 2 * (GEO_STEPS - cell->step);
  uint64_t bits = geo_cell_bits(cell);
  double first = (double)(bits << shift), end = (double)((bits + 1) << shift);
  if (cover->n > 1 && cover->ranges[cover->n - 1].first == first) return; /* the map is two cells across */
  cover->ranges[cover->n].first = first;
  cover->ranges[cover->n++].end = end;
}

void geo_cover_area(const geo_area *area, geo_cover *cover) {
  static const int beside[GEO_CELLS][2] = {{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
  geo_bounds b = geo_area_bounds(area);
  double corner = sqrt(area->width / 2 * (area->width / 2) + area->height / 2 * (area->height / 2));
  uint32_t step = geo_step_of(area->box ? corner : area->radius, area->center.latitude);
  geo_cell cell = geo_cell_at(area->center, GEO_LATITUDE_MAX, step);
  if (step > 1 && geo_too_fine(&cell, &b)) cell = geo_cell_at(area->center, GEO_LATITUDE_MAX, --step);
  geo_bounds own = geo_cell_bounds(&cell);
  bool within[2][3] = {{own.west < b.west, false, own.east > b.east}, {own.south < b.south, false, own.north > b.north}};
  cover->n = 0;
  for (size_t i = 0; i < GEO_CELLS; i++) {
    if (step >= 2 && (within[0][beside[i][0] + 1] || within[1][beside[i][1] + 1])) continue;
    geo_cell next = geo_cell_beside(cell, beside[i][0], beside[i][1]);
    geo_cover_cell(cover, &next);
  }
}
