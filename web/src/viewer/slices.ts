/**
 * How slices are drawn: the image, and over it the label map as areas or outlines.
 *
 * Beside its colour each label has a pattern, for eyes to which colours look alike: the second
 * value is hatched like "/", the third like "\". Stripes are of the screen, so they are as wide at
 * every zoom and on every grid, and never finer than a lesion of a few voxels.
 */

/**
 * CSS pixels across: from stripe to stripe, and of a stripe its light and its dark part, so that it
 * stands out from bright and from dark tissue alike.
 */
const STRIPES = { period: 7, light: 2, dark: 1.3 };
/** Width of an outline, CSS pixels. */
const OUTLINE = 1.5;

/** A number as GLSL takes it. */
const float = (x: number) => x.toFixed(3);

/**
 * NiiVue's names (it finds uniforms declared one by one): `volume` and `drawing` are textures of the
 * grid, the last row of `colormap` has the labels' colours, `drawRimOpacity` is below 0 for areas.
 * Ours: `pixel` is the device pixels per CSS pixel; `hatched` switches the stripes.
 */
export const SLICES = `#version 300 es
precision highp float;
uniform highp sampler3D volume;
uniform highp sampler3D drawing;
uniform highp sampler2D colormap;
uniform float drawOpacity;
uniform float drawRimOpacity;
uniform float pixel;
uniform bool hatched;
in vec3 texPos;
out vec4 color;

float labelAt(vec3 place) {
  return round(texture(drawing, place).r * 255.0);
}

// Between two labels the higher one draws the line: a lesion does not cut a hole into its liver.
bool atEdge(float label, vec3 x, vec3 y) {
  return labelAt(texPos - x) < label || labelAt(texPos + x) < label
    || labelAt(texPos - y) < label || labelAt(texPos + y) < label;
}

// CSS pixels from where a stripe starts.
float acrossStripes(float label) {
  float along = label < 2.5 ? gl_FragCoord.x - gl_FragCoord.y : gl_FragCoord.x + gl_FragCoord.y;
  return mod(along / pixel / sqrt(2.0), ${float(STRIPES.period)});
}

void main() {
  // Derivatives are only defined before the ways part.
  vec3 x = dFdx(texPos) * ${float(OUTLINE)} * pixel;
  vec3 y = dFdy(texPos) * ${float(OUTLINE)} * pixel;
  color = vec4(texture(volume, texPos).rgb, 1.0);
  float label = labelAt(texPos);
  if (label < 0.5) return;
  float rows = float(textureSize(colormap, 0).y);
  vec4 look = texture(colormap, vec2((label + 0.5) / 256.0, (rows - 0.5) / rows));
  bool outlined = drawRimOpacity >= 0.0;
  float alpha = look.a * (outlined ? drawRimOpacity : drawOpacity);
  if (outlined && !atEdge(label, x, y)) return;
  if (hatched && label > 1.5) {
    float across = acrossStripes(label);
    if (outlined) alpha *= across < ${float(STRIPES.light)} ? 0.0 : 1.0;
    else if (across < ${float(STRIPES.light)}) alpha = min(1.0, 1.7 * alpha);
    else if (across < ${float(STRIPES.light + STRIPES.dark)}) look.rgb *= 0.15;
    else alpha *= 0.8;
  }
  color.rgb = mix(color.rgb, look.rgb, alpha);
}`;
